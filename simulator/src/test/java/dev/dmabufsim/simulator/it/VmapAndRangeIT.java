package dev.dmabufsim.simulator.it;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.simulator.report.Report;
import java.io.IOException;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What only some importers ask for, across processes: vmap, and ranges of a buffer. */
class VmapAndRangeIT {
  private static final long RANGE_BEGIN = 16 * 1024;
  private static final long RANGE_END = 48 * 1024;

  @RegisterExtension final Sandbox sandbox = new Sandbox();

  @Test
  void aDriverUsesWhatItVmapsUntilAMoveTakesItAndARangeBeyondTheBufferIsEinval()
      throws IOException {
    Simulator run = sandbox.run("run", sandbox.scenario("vmap-and-range.yaml"));
    assertThat(run.awaitExit()).as("%s", run).isZero();
    Report report = run.report();
    assertThat(report.verdict()).isEqualTo("pass");

    // Every buffer of the GPU was vmapped, and as often vunmapped, but for the end: there a vmap
    // may
    // be given up before it was answered, and a detach overtakes the answer to the last vunmap.
    Set<Integer> gpus = attachments(run, "gpu");
    assertThat(gpus).hasSize(4);
    List<Integer> vmapped = operated(run, Operation.VMAP);
    assertThat(new HashSet<>(vmapped)).isEqualTo(gpus);
    List<Integer> vunmapped = operated(run, Operation.VUNMAP);
    for (int gpu : gpus) {
      int times = Collections.frequency(vmapped, gpu);
      assertThat(times).as("it is given up now and then, and at every move").isGreaterThan(2);
      assertThat(Collections.frequency(vunmapped, gpu)).isBetween(times - 1, times + 1);
    }
    assertThat(operated(run, Operation.MMAP)).isEmpty();
    // Two devices take turns: three rounds of four buffers each.
    assertThat(report.cpu().reads()).isPositive();
    assertThat(report.cpu().writes()).isPositive();
    assertThat(report.cpu().faults()).as("of 12 moves").isPositive();
    assertThat(report.revokes().moves().completed()).isGreaterThanOrEqualTo(12);
    assertThat(report.revokes().moves().damaged()).isZero();

    // The exporter, not the importer, knows how large the buffer is.
    Set<Integer> greedy = attachments(run, "greedy");
    assertThat(greedy).hasSize(4);
    assertThat(
            events(run, "exporter-1", HistoryEvent.MapRefused.class)
                .peek(e -> assertThat(e.errno()).isEqualTo(Errno.EINVAL))
                .flatMap(e -> e.attachments().stream()))
        .containsExactlyInAnyOrderElementsOf(greedy);
    assertThat(report.attachments().refused()).isEqualTo(4);
    assertThat(new HashSet<>(operated(run, Operation.IOMMUFD_MAP)))
        .isEqualTo(attachments(run, "guest"));
    assertThat(report.dma().failedAfterRevoke()).isPositive();
    run.assertNothingLeft();
  }

  @Test
  void aLiarWritesWhereItsRangeWasAndTheJudgeCountsIt() throws IOException {
    Simulator run =
        sandbox.run(
            "run",
            sandbox.scenario("vmap-and-range.yaml"),
            "--set",
            "contract=v7",
            "--set",
            "nodes.importer-1.devices.guest.behaviour=lying");
    assertThat(run.awaitExit()).as("%s", run).isEqualTo(1);
    Report report = run.report();
    assertThat(report.verdict()).isEqualTo("fail");
    assertThat(report.canary().foreignBytes()).isPositive();
    assertThat(report.dma().late().uaf().count()).isPositive();
    assertThat(
            events(run, "importer-1", HistoryEvent.Late.class)
                .filter(e -> e.device().equals("guest"))
                .map(HistoryEvent.Late::offset))
        .isNotEmpty()
        .allMatch(offset -> offset >= RANGE_BEGIN && offset < RANGE_END);
    assertThat(
            events(run, "exporter-1", HistoryEvent.Scanned.class)
                .filter(e -> e.foreignBytes() > 0)
                .peek(
                    e -> assertThat(e.foreignBytes()).isLessThanOrEqualTo(RANGE_END - RANGE_BEGIN))
                .map(HistoryEvent.Scanned::firstOffset))
        .isNotEmpty()
        .allMatch(offset -> offset >= RANGE_BEGIN && offset < RANGE_END);
    run.assertNothingLeft();
  }

  private static <E extends HistoryEvent> Stream<E> events(
      Simulator run, String node, Class<E> type) {
    return run.history(node).stream().map(l -> l.event()).filter(type::isInstance).map(type::cast);
  }

  private static List<Integer> operated(Simulator run, Operation operation) {
    return events(run, "exporter-1", HistoryEvent.Operated.class)
        .filter(e -> e.operation() == operation)
        .flatMap(e -> e.attachments().stream())
        .toList();
  }

  private static Set<Integer> attachments(Simulator run, String importer) {
    Set<Integer> ids = new HashSet<>();
    events(run, "exporter-1", HistoryEvent.Attached.class)
        .filter(e -> e.importer().equals(importer))
        .forEach(e -> ids.addAll(e.attachments()));
    return ids;
  }
}
