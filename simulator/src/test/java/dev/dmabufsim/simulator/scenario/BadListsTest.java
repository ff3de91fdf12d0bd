package dev.dmabufsim.simulator.scenario;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.dmabufsim.common.fault.FaultPoint;
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
            "faults[0].at is 'importer.fenced', which is no point of a fault; did you mean"
                + " 'importer.mapped'? legal here: "
                + Nearest.listed(List.of(FaultPoint.labels().split(", ")))),
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
            "faults: [{pause: importer-1, for: 1s}]",
            "neither 'at' nor 'after' in faults[0]; such as 'after: 1s' or 'at: importer.copying'"),
        arguments(
            "faults: [{pause: importer-1, after: 1s}]",
            "missing key 'for' in faults[0]; such as 'for: 3s'"),
        arguments(
            "faults: [{restart: importer-1, after: 1s, for: 1s}]",
            "unknown key 'for' in faults[0]; legal here: restart, at, revoke, after, down"),
        arguments(
            "faults: [{pause: importer-1, after: 1s, at: importer.copying, for: 1s}]",
            "faults[0].at and faults[0].after are both there; a fault strikes at a point, or after"
                + " a time"),
        arguments(
            "faults: [{kill: importer-1, pause: importer-1}]",
            "faults[0] is both kill and pause; write each fault as an item of its own"),
        arguments(
            "faults: [{kil: importer-1}]",
            "unknown key 'kil' in faults[0]; did you mean 'kill'? legal here: kill, crash-at,"
                + " restart, pause, stall, partition, delay, drop, duplicate, reorder, slow-link,"
                + " full-shm, truncate-segment, damage-slot, other-version"),
        arguments(
            "faults: [{crash-at: exporter.sever}]",
            "missing key 'node' in faults[0]; such as 'node: importer-1'"),
        arguments(
            "faults: [{kill: 'role:importers', after: 1s}]",
            "faults[0].kill is 'role:importers', and there is no such role; legal here:"
                + " role:exporter, role:importer, role:iommu"),
        arguments(
            "faults: [{kill: 'role:importer', at: exporter.sever}]",
            "role:importer is an importer, which never passes exporter.sever; nodes that do:"
                + " exporter-1"),
        arguments(
            "faults: [{kill: 'device:nik', after: 1s}]",
            "faults[0].kill is 'device:nik', which is no device of this scenario; did you mean"
                + " 'device:nic'? legal here: device:gpu, device:nic"),
        arguments(
            "faults: [{truncate-segment: importer-1, after: 1s}]",
            "importer-1 is no exporter; nodes that are: exporter-1"),
        arguments(
            "faults: [{other-version: false, after: 1s, for: 1s}]",
            "faults[0].other-version is false; write true, or remove the fault"),
        arguments(
            "faults: [{damage-slot: 3, after: 1s}]",
            "faults[0].damage-slot is '3', which is no slot; legal here: random"),
        arguments(
            "faults: [{full-shm: false, after: 1s, for: 1s}]",
            "faults[0].full-shm is false; write true, or remove the fault"),
        arguments(
            "faults: [{partition: thirds, after: 1s, for: 1s}]",
            "faults[0].partition is 'thirds', which is no partition; legal here: halves, one-node,"
                + " ring, one-way"),
        arguments(
            "faults: [{partition: [[iommu-1]], after: 1s, for: 1s}]",
            "faults[0].partition has fewer than two groups; write such as [[iommu-1],"
                + " [importer-1]]"),
        arguments(
            "faults: [{partition: [[iommu-1], [iommu-1]], after: 1s, for: 1s}]",
            "iommu-1 is in two groups of a partition; name it once"),
        arguments(
            "faults: [{partition: [[iommu-1], []], after: 1s, for: 1s}]",
            "faults[0].partition[1] is an empty group; name nodes, or remove it"),
        arguments(
            "faults: [{partition: halves, after: 1s}]",
            "missing key 'for' in faults[0]; such as 'for: 2s'"),
        arguments(
            "faults: [{drop: 0%, after: 1s, for: 1s}]",
            "faults[0].drop is '0%', out of range; write a percentage above 0% and up to 100%"),
        arguments(
            "faults: [{delay: 5ms..1ms, after: 1s, for: 1s}]",
            "faults[0].delay is '5ms..1ms', from more to less; write the shorter time first"),
        arguments(
            "faults: [{slow-link: 1MiB, after: 1s, for: 1s}]",
            "faults[0].slow-link is '1MiB', not a size for each second; write such as 1MiB/s"),
        arguments(
            "faults: [{drop: 1%, links: [iommu-1], after: 1s, for: 1s}]",
            "faults[0].links has 1 nodes; a link has two: write [a, b]"),
        arguments(
            "faults: [{drop: 1%, links: some, after: 1s, for: 1s}]",
            "faults[0].links is 'some'; write all, [a, b] for both ways, or 'a->b'"),
        arguments(
            "faults: [{drop: 1%, links: iommu-1->iommu-1, after: 1s, for: 1s}]",
            "faults[0].links is from iommu-1 to itself; name two nodes that are not the same"),
        arguments(
            "faults: [{drop: 1%, links: iommu-1->gpu, after: 1s, for: 1s}]",
            "faults[0].links is 'gpu', which is no node of this scenario; legal here: iommu-1,"
                + " exporter-1, importer-1"),
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
