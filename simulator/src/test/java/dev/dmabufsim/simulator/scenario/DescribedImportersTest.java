package dev.dmabufsim.simulator.scenario;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.dmabufsim.common.contract.FenceUsage;
import dev.dmabufsim.common.driver.DescribedImporter;
import dev.dmabufsim.common.driver.Distribution;
import dev.dmabufsim.common.driver.ImporterOffer;
import dev.dmabufsim.common.driver.Reaction.Afterwards;
import dev.dmabufsim.common.driver.Reaction.Trigger;
import dev.dmabufsim.common.driver.Reaction.Unmap;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Kinds of importer that a scenario describes itself. */
class DescribedImportersTest {
  private static final ImporterOffer STATIC = ImporterOffer.DYNAMIC.asStatic();

  @Test
  void aDescriptionWithNothingInItStopsAndUnmapsInACallbackThatTakesNoTime()
      throws ScenarioException {
    assertThat(described("{}"))
        .isEqualTo(
            new DescribedImporter(
                "dpu",
                "",
                ImporterOffer.DYNAMIC,
                true,
                Distribution.ZERO,
                Distribution.ZERO,
                false,
                List.of(),
                Unmap.IN_CALLBACK,
                Distribution.ZERO,
                Afterwards.MAP_AGAIN));
  }

  @Test
  void allThatIsStatedIsTaken() throws ScenarioException {
    assertThat(
            described(
                """
                {description: A DPU, attach: {peer2peer: false, pins: true, iommufd-map: true}, \
                writes: false, callback: 5us..9us, engine-stops: exponential 2ms, \
                discarded-reads: true, \
                fences: [{usage: read, after: invalidated, delay: 1ms, error: true}, \
                {usage: bookkeep, after: never}], \
                unmap: after-fences, unmap-delay: normal 3ms 1ms, afterwards: register-anew}\
                """))
        .isEqualTo(
            new DescribedImporter(
                "dpu",
                "A DPU",
                new ImporterOffer(true, false, true, true, true),
                false,
                new Distribution.Uniform(Duration.ofNanos(5000), Duration.ofNanos(9000)),
                new Distribution.Exponential(Duration.ofMillis(2)),
                true,
                List.of(
                    new DescribedImporter.Fence(
                        FenceUsage.READ,
                        Trigger.INVALIDATED,
                        Distribution.constant(Duration.ofMillis(1)),
                        true),
                    new DescribedImporter.Fence(
                        FenceUsage.BOOKKEEP, Trigger.NEVER, Distribution.ZERO, false)),
                Unmap.AFTER_FENCES,
                new Distribution.Normal(Duration.ofMillis(3), Duration.ofMillis(1)),
                Afterwards.REGISTER_ANEW));
  }

  @Test
  void whoAddsFencesUnmapsAfterThemUnlessItSaysOtherwise() throws ScenarioException {
    assertThat(described("{fences: [{usage: write}]}").unmap()).isEqualTo(Unmap.AFTER_FENCES);
    assertThat(described("{fences: [{usage: write}], unmap: in-callback}").unmap())
        .isEqualTo(Unmap.IN_CALLBACK);
  }

  @Test
  void whoAttachesStaticallyHasNoCallbackAndNoPeerToPeer() throws ScenarioException {
    assertThat(described("{attach: {dynamic: false}}").offer()).isEqualTo(STATIC);
    assertThat(described("{attach: {invalidate-mappings: false}}").offer())
        .isEqualTo(ImporterOffer.DYNAMIC.invalidateMappings(false));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "2ms|2ms",
        "0s|0s",
        "2000us|2ms",
        "1ms .. 5ms|1ms..5ms",
        "5ms..5ms|5ms..5ms",
        "exponential  2ms|exponential 2ms",
        "normal 60m 0s|normal 60m 0s"
      })
  void aTimeIsWrittenInItsShortestForm(String written, String again) throws ScenarioException {
    assertThat(Distributions.format(described("{callback: " + written + "}").callback()))
        .isEqualTo(again);
  }

  private static DescribedImporter described(String description) throws ScenarioException {
    Scenario scenario =
        Given.load(
            Given.with("kind: gpu-dynamic", "kind: dpu") + "importers: {dpu: " + description + "}");
    assertThat(scenario.nodes().getLast().importers().getFirst().kind()).isEqualTo("dpu");
    return scenario.importers().getOrDefault("dpu", null);
  }

  @Test
  void whatIsLegalAndOddIsRemarkedOn() throws ScenarioException {
    String stuck = "importers: {dpu: {fences: [{usage: read, after: never}]}}";
    assertThat(Remarks.about(Given.load(Given.with("kind: gpu-dynamic", "kind: dpu") + stuck)))
        .containsExactly(
            "importers.dpu: it unmaps after its fences, one of which never signals: it never"
                + " unmaps");
    assertThat(Remarks.about(Given.load(Given.with("vfio-pci", "udmabuf") + "importers: {a: {}}")))
        .containsExactly(
            "no exporter of it ever revokes: there will be nothing to judge",
            "importers.a: no device is of this kind");
  }

  @Test
  void aKindThatIsDescribedIsNamedAmongTheLegalOnes() {
    assertThat(Given.refusal(Given.with("gpu-dynamic", "dpv") + "importers: {dpu: {}}"))
        .startsWith(
            "s.yaml:10: nodes.importer-1.devices.nic.kind is 'dpv', which is no kind of importer;"
                + " did you mean 'dpu'? legal here: dpu, gpu-dynamic, ");
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("table")
  void isRefusedWithOneLine(String importers, String expected) {
    assertThat(Given.refusal(Given.plus("importers: {" + importers + "}\n")))
        .isEqualTo("s.yaml:11: " + expected);
  }

  static List<Arguments> table() {
    String callback = "importers.dpu.callback is ";
    String time = "write one such as 2ms, 1ms..5ms, 'exponential 2ms' or 'normal 5ms 1ms'";
    return List.of(
        arguments(
            "Dpu: {}",
            "'Dpu' is no name for a kind of importer; write 1 to 32 lower-case letters, digits and"
                + " hyphens, a letter first"),
        arguments(
            "iommufd: {}",
            "'iommufd' is a kind of importer already, and a class; give this one another name"),
        arguments("dpu: yes", "importers.dpu is a single value; write a map: 'key: value'"),
        arguments(
            "dpu: {calback: 1ms}",
            "unknown key 'calback' in importers.dpu; did you mean 'callback'? legal here:"
                + " description, attach, writes, callback, engine-stops, discarded-reads, fences,"
                + " unmap, unmap-delay, afterwards"),
        arguments(
            "dpu: {attach: {p2p: true}}",
            "unknown key 'p2p' in importers.dpu.attach; legal here: dynamic, peer2peer,"
                + " invalidate-mappings, pins, iommufd-map"),
        arguments(
            "dpu: {attach: {dynamic: false, invalidate-mappings: true}}",
            "importers.dpu.attach.invalidate-mappings is true, but the importer attaches"
                + " statically; remove it, or the 'dynamic: false': both are members of"
                + " importer_ops"),
        arguments(
            "dpu: {attach: {dynamic: false, peer2peer: true}}",
            "importers.dpu.attach.peer2peer is true, but the importer attaches statically; remove"
                + " it, or the 'dynamic: false': both are members of importer_ops"),
        arguments(
            "dpu: {callback: 5}",
            callback
                + "'5', a duration without a unit; write a whole"
                + " number and us, ms, s or m, such as 250ms"),
        arguments(
            "dpu: {callback: 2h}",
            callback
                + "'2h', a duration in the unknown unit 'h'; write a whole number and us, ms, s or"
                + " m, such as 250ms"),
        arguments("dpu: {callback: 61m}", callback + "'61m', out of range; write from 0s to 60m"),
        arguments(
            "dpu: {callback: 5ms..1ms}",
            callback
                + "'5ms..1ms', not a range of times; write the shorter and the longer, such as"
                + " 1ms..5ms"),
        arguments(
            "dpu: {callback: 1ms..2ms..3ms}",
            callback
                + "'1ms..2ms..3ms', not a range of times; write the shorter and the longer, such as"
                + " 1ms..5ms"),
        arguments(
            "dpu: {callback: exponental 2ms}",
            callback + "'exponental 2ms', not a time; did you mean 'exponential'? " + time),
        arguments("dpu: {callback: soon}", callback + "'soon', not a time; " + time),
        arguments(
            "dpu: {callback: normal 5ms}",
            callback
                + "'normal 5ms', not a normal time; write its mean and its deviation, such as"
                + " 'normal 5ms 1ms'"),
        arguments(
            "dpu: {callback: exponential 2ms 1ms}",
            callback
                + "'exponential 2ms 1ms', not an exponential time; write its mean, such as"
                + " 'exponential 2ms'"),
        arguments(
            "dpu: {fences: [{}]}",
            "missing key 'usage' in importers.dpu.fences[0]; such as 'usage: bookkeep'"),
        arguments(
            "dpu: {fences: [{usage: writes}]}",
            "importers.dpu.fences[0].usage is 'writes', which is no usage of a fence; did you mean"
                + " 'write'? legal here: kernel, write, read, bookkeep"),
        arguments(
            "dpu: {fences: [{usage: write, after: engine-stop}]}",
            "importers.dpu.fences[0].after is 'engine-stop', which is no trigger of a fence; did"
                + " you mean 'engine-stopped'? legal here: engine-stopped, invalidated, never"),
        arguments(
            "dpu: {fences: [{usage: write, after: never, delay: 1ms}]}",
            "importers.dpu.fences[0].delay is there, but the fence never signals; remove it"),
        arguments(
            "dpu: {fences: [" + "{usage: read}, ".repeat(17) + "]}",
            "more than 16 fences; an importer adds at most 16"),
        arguments(
            "dpu: {unmap: callback}",
            "importers.dpu.unmap is 'callback', which is no time of an unmap; legal here:"
                + " in-callback, after-fences, never"),
        arguments(
            "dpu: {unmap-delay: 1ms}",
            "importers.dpu.unmap-delay is there, but it unmaps in the callback, however long that"
                + " takes; remove it"),
        arguments(
            "dpu: {unmap: never, unmap-delay: 1ms}",
            "importers.dpu.unmap-delay is there, but it never unmaps; remove it"),
        arguments(
            "dpu: {unmap: never, afterwards: stay-away}",
            "importers.dpu.afterwards is there, but it never unmaps, so nothing comes afterwards;"
                + " remove it"),
        arguments(
            "dpu: {afterwards: map-agian}",
            "importers.dpu.afterwards is 'map-agian', which is no thing to do afterwards; did you"
                + " mean 'map-again'? legal here: map-again, register-anew, stay-away"));
  }
}
