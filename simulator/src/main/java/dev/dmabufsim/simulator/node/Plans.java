package dev.dmabufsim.simulator.node;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.driver.ImporterDriver;
import dev.dmabufsim.common.driver.ImporterDrivers;
import dev.dmabufsim.exporter.ExporterPlan;
import dev.dmabufsim.importer.ImporterPlan;
import dev.dmabufsim.simulator.scenario.NodeSpec;
import dev.dmabufsim.simulator.scenario.Refusal;
import dev.dmabufsim.simulator.scenario.Scenario;
import java.util.HashMap;
import java.util.Map;

/** Tells each kind of node its part of a scenario, in that node's own words. */
final class Plans {
  /** What was not answered is asked again: several round trips of a busy host, well below asks. */
  private static final long RETRY_NANOS = 100_000_000L;

  /** How long a round waits for importers to map again before the next may begin. */
  private static final long SETTLE_NANOS = 1_000_000_000L;

  private static final int FOR_EVER = 0;

  private Plans() {}

  static ExporterPlan exporter(Scenario scenario, NodeSpec spec, boolean driven) {
    return new ExporterPlan(
        scenario.contract(),
        new ExporterPlan.Bound(
            scenario.bound().ask().toNanos(),
            scenario.bound().block().toNanos(),
            // What cannot be copied is severed, and that is to be over within its time as well.
            scenario.bound().sever().toNanos() / 2,
            Math.min(RETRY_NANOS, Math.max(1, scenario.bound().ask().toNanos() / 2))),
        spec.exporters().stream()
            .map(e ->
                new ExporterPlan.Device(
                    e.name(),
                    e.kind(),
                    e.buffers(),
                    e.bufferBytes(),
                    e.causes(),
                    e.beginAfter().toNanos(),
                    unreachable(scenario, e.name())))
            .toList(),
        new ExporterPlan.Rounds(
            driven ? scenario.revokes().rounds() : FOR_EVER,
            scenario.revokes().every().toNanos(),
            scenario.revokes().hold().toNanos(),
            SETTLE_NANOS,
            scenario.revokes().independent()));
  }

  private static Map<String, Errno> unreachable(Scenario scenario, String exporter) {
    Map<String, Errno> errnos = new HashMap<>();
    for (Refusal refusal : scenario.refusals()) {
      if (refusal.exporter().equals(exporter)) {
        errnos.put(refusal.importer(), refusal.errno());
      }
    }
    return errnos;
  }

  static ImporterPlan importer(Scenario scenario, NodeSpec spec, long seed) {
    ImporterDrivers drivers = ImporterDrivers.load();
    int exporterDevices = scenario.nodes().stream().mapToInt(n -> n.exporters().size()).sum();
    return new ImporterPlan(
        spec.importers().stream()
            .map(i ->
                new ImporterPlan.Device(
                    i.name(),
                    driver(scenario, drivers, i.kind()),
                    i.attachments(),
                    i.behaviour(),
                    i.overrun().toNanos(),
                    i.ats(),
                    i.cpu(),
                    i.range(),
                    i.exporters()))
            .toList(),
        exporterDevices,
        new ImporterPlan.Workload(
            (int) scenario.dma().minBytes(),
            (int) scenario.dma().maxBytes(),
            scenario.dma().readFraction(),
            scenario.dma().duty(),
            seed));
  }

  private static ImporterDriver driver(Scenario scenario, ImporterDrivers drivers, String kind) {
    ImporterDriver described = scenario.importers().get(kind);
    return described != null ? described : drivers.find(kind).orElseThrow();
  }
}
