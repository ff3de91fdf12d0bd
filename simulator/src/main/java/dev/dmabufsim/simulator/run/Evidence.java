package dev.dmabufsim.simulator.run;

import dev.dmabufsim.common.contract.Behaviour;
import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.common.fabric.ControlDescriptor;
import dev.dmabufsim.common.fabric.ControlFile;
import dev.dmabufsim.common.fabric.DmaCounters;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.history.HistoryLine;
import dev.dmabufsim.simulator.report.Report;
import dev.dmabufsim.simulator.report.Reports;
import dev.dmabufsim.simulator.scenario.ImporterSpec;
import dev.dmabufsim.simulator.scenario.Scenario;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** What a run left to judge it by, gathered when every node is gone. */
record Evidence(
    DmaCounters dma,
    int openSlots,
    List<String> leftovers,
    List<String> troubles,
    List<String> unplayed,
    boolean orderly,
    List<Path> files) {
  private static final double NANOS = 1e9;

  /** No segment has this number. */
  private static final int NONE = -1;

  /** How many slots still grant something. */
  static int openSlots(ControlFile control) {
    int open = 0;
    for (int slot = 0; slot < control.slotsHighWater(); slot++) {
      int permission = ControlDescriptor.permission(control.grant(slot));
      if (permission == ControlDescriptor.PERMISSION_READ_WRITE
          || permission == ControlDescriptor.PERMISSION_DISCARD_ONLY) {
        open++;
      }
    }
    return open;
  }

  /**
   * What was said to be severed, and is there still: nobody's word is taken for it.
   *
   * @param segments that there are when all is over
   */
  static List<String> notSevered(Set<Integer> segments, List<Path> histories) throws IOException {
    List<String> there = new ArrayList<>();
    if (segments.isEmpty()) {
      return there;
    }
    for (HistoryLine line : Histories.read(histories).lines()) {
      int segment =
          switch (line.event()) {
            case HistoryEvent.RevokeCompleted e when e.outcome() == RevokeOutcome.SEVERED ->
                e.segment();
            case HistoryEvent.Reclaimed e -> e.segment();
            default -> NONE;
          };
      if (segments.contains(segment)) {
        there.add("segment %d was severed, says %s, and is there".formatted(segment, line.node()));
      }
    }
    return there;
  }

  static Evidence gather(
      DmaCounters dma,
      int openSlots,
      List<String> leftovers,
      List<String> troubles,
      List<String> unplayed,
      boolean orderly,
      List<Path> files) {
    return new Evidence(
        dma,
        openSlots,
        List.copyOf(leftovers),
        List.copyOf(troubles),
        List.copyOf(unplayed),
        orderly,
        files);
  }

  /** Writes down what it is, judges, and writes the report. */
  Played judge(
      RunOptions options,
      RunDirectory directory,
      List<Report.Node> nodes,
      Instant started,
      long begunNanos,
      long dmaNanos)
      throws IOException {
    Scenario scenario = options.scenario();
    List<EvidenceFile.Recorded> histories = new ArrayList<>();
    for (Path file : files) {
      histories.add(
          new EvidenceFile.Recorded(
              String.valueOf(file.getFileName()),
              Files.exists(file) ? Histories.countLines(file) : -1));
    }
    EvidenceFile kept =
        new EvidenceFile(
            EvidenceFile.FORMAT,
            options.seed(),
            started.toString(),
            (System.nanoTime() - begunNanos) / NANOS,
            dmaNanos,
            scenario.bound().total().toNanos() / 1000,
            dma,
            openSlots,
            leftovers,
            troubles,
            unplayed,
            orderly,
            honestImporters(scenario, FaultPlan.of(scenario, options.seed())).stream()
                .sorted()
                .toList(),
            importerNodes(scenario),
            nodes,
            histories);
    kept.write(directory.evidence());
    Judged judged = Judged.of(scenario, kept, directory);
    Reports.write(judged.report(), directory.report());
    return new Played(judged.report(), directory, judged.facts(), judged.histories().lines());
  }

  private static Map<String, String> importerNodes(Scenario scenario) {
    Map<String, String> nodes = new TreeMap<>();
    scenario.nodes().forEach(n -> n.importers().forEach(i -> nodes.put(i.name(), n.name())));
    return nodes;
  }

  /** Importer devices that keep the contract, and whose node no fault befalls. */
  static Set<String> honestImporters(Scenario scenario, FaultPlan plan) {
    Set<String> befallen = plan.befallen();
    return scenario.nodes().stream()
        .filter(n -> !befallen.contains(n.name()))
        .flatMap(n -> n.importers().stream())
        .filter(i -> i.behaviour() == Behaviour.HONEST)
        .map(ImporterSpec::name)
        .collect(Collectors.toSet());
  }
}
