package dev.dmabufsim.simulator.judge;

import dev.dmabufsim.common.contract.ExporterKind;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.common.fabric.DmaCounters;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.history.HistoryLine;
import dev.dmabufsim.common.message.Operation;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * A run with faults, told line by line: the time in milliseconds, the node, the event. It begins
 * with an IOMMU (process 1), an exporter (2) with one buffer, and an importer (3) with one device,
 * which has one attachment, mapped at 40 ms. The bound of a revoke is 1 s.
 */
final class Tale {
  static final String IOMMU = "iommu-1";
  static final String EXPORTER = "exporter-1";
  static final String IMPORTER = "importer-1";
  static final String LAUNCHER = "launcher";
  static final String GPU = "gpu";
  static final String NIC = "nic";
  static final int EXPORTERS_PROCESS = 2;
  static final int IMPORTERS_PROCESS = 3;
  static final int BUFFER = EXPORTERS_PROCESS << 16;
  static final int ATTACHMENT = (EXPORTERS_PROCESS << 24) + 1;
  static final int SEGMENT = 7;
  static final long GENERATION = 5;
  static final long BOUND_MICROS = 1_000_000;

  private final List<HistoryLine> lines = new ArrayList<>();
  private final Map<String, Long> counts = new HashMap<>();
  private boolean orderly = true;
  private Set<String> misbehaving = Set.of();
  private boolean whole = true;

  static Tale begin() {
    return new Tale()
        .at(0, IOMMU, started("iommu", IOMMU, 1))
        .at(10, EXPORTER, started("exporter", EXPORTER, EXPORTERS_PROCESS))
        .at(15, IMPORTER, started("importer", IMPORTER, IMPORTERS_PROCESS))
        .at(
            20,
            EXPORTER,
            new HistoryEvent.Exported(
                BUFFER, GPU, ExporterKind.VFIO_PCI, 4096, SEGMENT, GENERATION))
        .at(
            30,
            EXPORTER,
            new HistoryEvent.Attached(BUFFER, NIC, "gpu-dynamic", true, List.of(ATTACHMENT)))
        .at(40, EXPORTER, operated(Operation.MAP, ATTACHMENT));
  }

  static HistoryEvent started(String role, String node, int process) {
    return new HistoryEvent.NodeStarted(node, role, 4711 + process, process, process);
  }

  static HistoryEvent operated(Operation operation, int... attachments) {
    return new HistoryEvent.Operated(
        operation, BUFFER, 0, java.util.Arrays.stream(attachments).boxed().toList());
  }

  static HistoryEvent requested(long epoch) {
    return new HistoryEvent.RevokeRequested(
        BUFFER, epoch, RevokeCause.RESET, SEGMENT, GENERATION, 1, 1);
  }

  static HistoryEvent completed(long epoch, long millis) {
    return new HistoryEvent.RevokeCompleted(
        BUFFER, epoch, SEGMENT, GENERATION, RevokeOutcome.ACKED, millis * 1000, List.of());
  }

  static HistoryEvent orphaned(long epoch, boolean begun) {
    return new HistoryEvent.Orphaned(BUFFER, epoch, SEGMENT, GENERATION, EXPORTERS_PROCESS, begun);
  }

  static HistoryEvent reclaimed(long epoch) {
    return new HistoryEvent.Reclaimed(
        BUFFER, epoch, SEGMENT, GENERATION, RevokeOutcome.BLOCKED, 1000);
  }

  static HistoryEvent struck(String kind, String... nodes) {
    return new HistoryEvent.FaultStruck("{" + kind + "}", kind, List.of(nodes));
  }

  static HistoryEvent over(String kind, String... nodes) {
    return new HistoryEvent.FaultOver("{" + kind + "}", kind, List.of(nodes));
  }

  /** The same, and that at that time; anybody may be told of in any order. */
  Tale at(long millis, String node, HistoryEvent event) {
    lines.add(HistoryLine.at(counts.merge(node, 1L, Long::sum), millis * 1_000_000, node, event));
    return this;
  }

  /** The same until then: somebody writes something that means nothing. */
  Tale until(long millis) {
    return at(millis, "bystander", new HistoryEvent.Dropped("nothing", "to see that time passes"));
  }

  Tale brokenOff() {
    orderly = false;
    return this;
  }

  /** The same, but {@link #NIC} does not keep the contract. */
  Tale ofACheat() {
    misbehaving = Set.of(NIC);
    return this;
  }

  Tale cutShort() {
    whole = false;
    return this;
  }

  Findings judged() {
    Judge judge = new Judge();
    lines.stream().sorted(Comparator.comparingLong(HistoryLine::clock)).forEach(judge::accept);
    return judge.finish(
        new Facts(
            BOUND_MICROS,
            Optional.of(new DmaCounters(10, 640, 0, 0, 0, 0)),
            0,
            List.of(),
            List.of(),
            misbehaving.contains(NIC) ? Set.of() : Set.of(NIC),
            misbehaving,
            orderly,
            List.of(),
            Map.of(NIC, IMPORTER, "other", IMPORTER),
            whole));
  }

  /** What is told of an invariant that is broken. */
  List<String> broken(Invariant invariant) {
    return judged().violations().stream()
        .filter(v -> v.invariant() == invariant)
        .map(Violation::detail)
        .toList();
  }
}
