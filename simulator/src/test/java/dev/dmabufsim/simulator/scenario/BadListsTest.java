package dev.dmabufsim.simulator.scenario;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Faults, thresholds and refusals that cannot be, in line 11: the whole line that says so. */
class BadListsTest {

  @ParameterizedTest(name = "{0}")
  @MethodSource("table")
  void isRefusedWithOneLine(String list, String expected) {
    assertThat(Given.refusal(Given.plus(list + "\n"))).isEqualTo("s.yaml:11: " + expected);
  }

  static List<Arguments> table() {
    return List.of(
        arguments(
            "faults: {kill: importer-1}", "faults is a map; write a list, or leave the key out"),
        arguments("faults:", "faults is empty; write a list, or leave the key out"),
        arguments(
            "faults: [{kill: importer-2}]",
            "faults[0].kill is 'importer-2', which is no node of this scenario; did you mean"
                + " 'importer-1'? legal here: iommu-1, exporter-1, importer-1"),
        arguments(
            "faults: [{kill: exporter-1, at: importer.invalidated}]",
            "exporter-1 is an exporter, which never passes importer.invalidated; nodes that do:"
                + " importer-1"),
        arguments(
            "faults: [{kill: importer-1, at: importer.fenced}]",
            "faults[0].at is 'importer.fenced', which is no point of a revoke;"
                + " legal here: importer.invalidated"),
        arguments(
            "faults: [{kill: importer-1, revoke: 11}]",
            "the fault would strike in round 11 of 10; write a round from 1 to 10, or raise"
                + " revokes.rounds"),
        arguments(
            "faults: [{kill: importer-1}, {kill: importer-1, revoke: 2}]",
            "importer-1 is killed twice; a killed node does not come back"),
        arguments(
            "faults: [{at: importer.invalidated}]",
            "missing key 'kill' in faults[0]; such as 'kill: importer-1'"),
        arguments(
            "thresholds: [severed]",
            "'severed' is not a threshold; write METRIC SIGN NUMBER, such as"
                + " 'revokes.outcomes.severed == 0'"),
        arguments(
            "thresholds: [revokes.outcomes.sever == 0]",
            "'revokes.outcomes.sever' is not a metric of the report; did you mean"
                + " 'revokes.outcomes.severed'? legal here: "
                + Nearest.listed(Metrics.ALL)),
        arguments(
            "thresholds: [dma.bytes = 0]", "'=' is not a comparison; write ==, !=, <=, >=, < or >"),
        arguments(
            "thresholds: [dma.bytes >= 1MiB]", "'1MiB' is not a number; write one without a unit"),
        arguments(
            "thresholds: [dma.bytes >= NaN]", "'NaN' is not a number; write one without a unit"),
        arguments(
            "refusals: [{exporter: gpu, importer: nik, because: no}]",
            "refusals[0].importer is 'nik', which is no device of this scenario; did you mean"
                + " 'nic'? legal here: nic"),
        arguments(
            "refusals: [{exporter: nic, importer: gpu, because: no}]",
            "refusals[0].exporter is 'nic', which is an importer; exporters here: gpu"),
        arguments(
            "refusals: [{exporter: gpu, importer: nic, errno: EBSY, because: no}]",
            "refusals[0].errno is 'EBSY', which is no errno that attaching answers; did you mean"
                + " 'EBUSY'? legal here: ENOMEM, EBUSY, ENODEV, EINVAL, EOPNOTSUPP"),
        arguments(
            "refusals: [{exporter: gpu, importer: nic, errno: OK, because: no}]",
            "refusals[0].errno is 'OK', which is no errno that attaching answers;"
                + " legal here: ENOMEM, EBUSY, ENODEV, EINVAL, EOPNOTSUPP"),
        arguments(
            "refusals: [{exporter: gpu, importer: nic}]",
            "missing key 'because' in refusals[0]; such as 'because: no path below a common"
                + " switch'"),
        arguments(
            "refusals: [{exporter: gpu, importer: nic, because: a}, {exporter: gpu, importer: nic,"
                + " because: b}]",
            "a second refusal between gpu and nic; keep one of them"));
  }
}
