package dev.dmabufsim.simulator.run;

import dev.dmabufsim.common.contract.Behaviour;
import dev.dmabufsim.common.fabric.ControlDescriptor;
import dev.dmabufsim.common.fabric.ControlFile;
import dev.dmabufsim.common.fabric.DmaCounters;
import dev.dmabufsim.simulator.judge.Facts;
import dev.dmabufsim.simulator.judge.Findings;
import dev.dmabufsim.simulator.judge.Judge;
import dev.dmabufsim.simulator.judge.Verdict;
import dev.dmabufsim.simulator.report.Report;
import dev.dmabufsim.simulator.report.Reports;
import dev.dmabufsim.simulator.scenario.ImporterSpec;
import dev.dmabufsim.simulator.scenario.Scenario;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
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
  private static final double GIB = 1L << 30;
  private static final double NANOS = 1e9;

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

  Played judge(
      RunOptions options,
      RunDirectory directory,
      List<Report.Node> nodes,
      Instant started,
      long begunNanos,
      long dmaNanos)
      throws IOException {
    Histories histories = Histories.read(files);
    Judge judge = new Judge();
    histories.lines().forEach(judge::accept);
    List<String> all = new ArrayList<>(troubles);
    all.addAll(histories.cut());
    long bound = options.scenario().bound().total().toNanos() / 1000;
    Facts facts =
        new Facts(
            bound,
            Optional.of(dma),
            openSlots,
            leftovers,
            all,
            honestImporters(options.scenario(), FaultPlan.of(options.scenario(), options.seed())),
            orderly,
            unplayed);
    Findings findings = judge.finish(facts);
    Report figures =
        report(options, nodes, findings, bound, started, begunNanos, dmaNanos, List.of());
    List<Report.ThresholdResult> thresholds =
        Reports.compare(figures, options.scenario().thresholds());
    Report report =
        report(options, nodes, findings, bound, started, begunNanos, dmaNanos, thresholds);
    Reports.write(report, directory.report());
    return new Played(report, directory, facts, histories.lines());
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

  private Report report(
      RunOptions options,
      List<Report.Node> nodes,
      Findings findings,
      long boundMicros,
      Instant started,
      long begunNanos,
      long dmaNanos,
      List<Report.ThresholdResult> thresholds) {
    Findings.Figures f = findings.figures();
    Verdict verdict = verdict(findings, thresholds);
    return new Report(
        options.scenario().name(),
        options.scenario().contract().label(),
        options.seed(),
        verdict.label(),
        findings.unknowns(),
        started.toString(),
        (System.nanoTime() - begunNanos) / NANOS,
        nodes,
        findings.violations().stream()
            .map(v -> new Report.Broken(v.invariant().number(), v.invariant().title(), v.detail()))
            .toList(),
        thresholds,
        new Report.Revokes(
            f.revokes().requested(),
            f.revokes().completed(),
            new Report.Outcomes(
                f.revokes().acked(),
                f.revokes().blocked(),
                f.revokes().severed(),
                f.revokes().assumed()),
            new Report.Moves(f.moves().completed(), f.moves().refused(), f.moves().damaged()),
            Reports.percentiles(f.revokes().latenciesMicros()),
            boundMicros),
        new Report.Attachments(f.attachmentsPeak(), f.attachmentsRefused()),
        new Report.Calls(f.calls().illegal(), f.calls().ignored()),
        new Report.Cpu(f.cpu().reads(), f.cpu().writes(), f.cpu().faults()),
        new Report.Dma(
            dma.operations(),
            dma.bytes(),
            dmaNanos == 0 ? 0 : dma.bytes() / GIB / (dmaNanos / NANOS),
            dma.enodev(),
            dma.faults(),
            dma.aborted(),
            dma.leakedWords() * Long.BYTES,
            f.phaseBroken(),
            Reports.late(f.late())),
        new Report.Canary(f.canaryBytesScanned(), f.canaryForeignBytes()));
  }

  /** What was seen to be broken is broken, whatever else is not known. */
  private static Verdict verdict(Findings findings, List<Report.ThresholdResult> thresholds) {
    if (!findings.violations().isEmpty()) {
      return Verdict.FAIL;
    }
    if (!findings.unknowns().isEmpty()) {
      return Verdict.UNKNOWN;
    }
    return thresholds.stream().allMatch(Report.ThresholdResult::held) ? Verdict.PASS : Verdict.FAIL;
  }
}
