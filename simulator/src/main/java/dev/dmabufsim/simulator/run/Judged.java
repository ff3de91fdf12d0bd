package dev.dmabufsim.simulator.run;

import dev.dmabufsim.common.contract.Behaviour;
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
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * A run that was judged from what it left in its directory: the one way from evidence to a verdict,
 * for the run itself and for whoever asks again.
 */
record Judged(Report report, Facts facts, Findings findings, Histories histories) {
  private static final double GIB = 1L << 30;
  private static final double NANOS = 1e9;

  static Judged of(Scenario scenario, EvidenceFile evidence, RunDirectory directory)
      throws IOException {
    Histories histories =
        Histories.readSources(
            evidence.histories().stream()
                .map(h ->
                    new Histories.Source(
                        directory.path().resolve(h.file()),
                        h.lines() < 0 ? OptionalLong.empty() : OptionalLong.of(h.lines())))
                .toList());
    Judge judge = new Judge();
    histories.lines().forEach(judge::accept);
    List<String> troubles = new ArrayList<>(evidence.troubles());
    troubles.addAll(histories.cut());
    Facts facts =
        new Facts(
            evidence.boundMicros(),
            Optional.of(evidence.dma()),
            evidence.openSlots(),
            evidence.leftovers(),
            troubles,
            new HashSet<>(evidence.honestImporters()),
            misbehaving(scenario),
            evidence.orderly(),
            evidence.unplayed(),
            evidence.importerNodes(),
            histories.cuts().isEmpty());
    Findings findings = judge.finish(facts);
    Report figures = report(scenario, evidence, findings, List.of());
    List<Report.ThresholdResult> thresholds = Reports.compare(figures, scenario.thresholds());
    return new Judged(report(scenario, evidence, findings, thresholds), facts, findings, histories);
  }

  private static Report report(
      Scenario scenario,
      EvidenceFile evidence,
      Findings findings,
      List<Report.ThresholdResult> thresholds) {
    Findings.Figures f = findings.figures();
    DmaCounters dma = evidence.dma();
    long dmaNanos = evidence.dmaNanos();
    Verdict verdict = verdict(findings, thresholds);
    return new Report(
        scenario.name(),
        scenario.contract().label(),
        evidence.seed(),
        verdict.label(),
        findings.unknowns(),
        evidence.startedAt(),
        evidence.seconds(),
        evidence.nodes(),
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
                f.revokes().assumed(),
                f.revokes().reclaimed()),
            new Report.Moves(f.moves().completed(), f.moves().refused(), f.moves().damaged()),
            Reports.percentiles(f.revokes().latenciesMicros()),
            evidence.boundMicros()),
        new Report.Attachments(f.attachmentsPeak(), f.attachmentsRefused(), f.attachmentsKept()),
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
        new Report.Canary(f.canaryBytesScanned(), f.canaryForeignBytes()),
        new Report.Faults(
            f.faults().struck().entrySet().stream()
                .map(e -> new Report.Struck(e.getKey(), e.getValue()))
                .toList(),
            f.faults().midRevoke()));
  }

  private static Set<String> misbehaving(Scenario scenario) {
    return scenario.nodes().stream()
        .flatMap(n -> n.importers().stream())
        .filter(i -> i.behaviour() != Behaviour.HONEST)
        .map(ImporterSpec::name)
        .collect(Collectors.toSet());
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
