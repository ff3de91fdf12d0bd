package dev.dmabufsim.simulator.scenario;

import dev.dmabufsim.cluster.Role;
import dev.dmabufsim.common.contract.CpuUse;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.driver.DescribedImporter;
import dev.dmabufsim.common.driver.Reaction;
import dev.dmabufsim.common.message.Span;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Writes a scenario with every option written out, defaults too: the record of what a run played.
 * {@link ScenarioLoader} makes an equal scenario of it.
 */
public final class ScenarioWriter {
  private final StringBuilder yaml = new StringBuilder();

  private ScenarioWriter() {}

  /** The YAML text of a scenario. */
  public static String toYaml(Scenario scenario) {
    return new ScenarioWriter().scenario(scenario);
  }

  private String scenario(Scenario s) {
    line("name: %s".formatted(quoted(s.name())));
    line("description: %s".formatted(quoted(s.description())));
    line("modelled-on: %s".formatted(quoted(s.modelledOn())));
    line("contract: %s".formatted(s.contract().label()));
    line(
        "bound: {ask: %s, block: %s, sever: %s}"
            .formatted(
                Durations.format(s.bound().ask()),
                Durations.format(s.bound().block()),
                Durations.format(s.bound().sever())));
    line(
        "revokes: {order: %s, rounds: %s, every: %s, hold: %s, limit: %s}"
            .formatted(
                s.revokes().order(),
                s.revokes().rounds(),
                Durations.format(s.revokes().every()),
                Durations.format(s.revokes().hold()),
                Durations.format(s.revokes().limit())));
    line(
        "dma: {sizes: %s..%s, reads: %s, duty: %s}"
            .formatted(
                Sizes.format(s.dma().minBytes()),
                Sizes.format(s.dma().maxBytes()),
                Percents.format(s.dma().readFraction()),
                Percents.format(s.dma().duty())));
    importers(s.importers());
    s.machine().ifPresent(this::machine);
    if (s.machine().isEmpty()) {
      line("nodes:");
      s.nodes().forEach(this::node);
    }
    list("faults", s.faults().stream().map(FaultSpec::text).toList());
    list("thresholds", s.thresholds().stream().map(t -> quoted(t.text())).toList());
    line("cluster: {port: %s}".formatted(s.cluster().port()));
    list("refusals", s.refusals().stream().map(ScenarioWriter::refusal).toList());
    return yaml.toString();
  }

  private void importers(Map<String, DescribedImporter> importers) {
    line(importers.isEmpty() ? "importers: {}" : "importers:");
    importers.forEach((name, i) -> {
      line("  %s:".formatted(quoted(name)));
      line("    description: %s".formatted(quoted(i.description())));
      line(
          "    attach: {dynamic: %s, peer2peer: %s, invalidate-mappings: %s, pins: %s, iommufd-map: %s}"
              .formatted(
                  i.offer().dynamic(),
                  i.offer().peer2peer(),
                  i.offer().invalidateMappings(),
                  i.offer().pins(),
                  i.offer().iommufdMap()));
      line("    writes: %s".formatted(i.writes()));
      line("    callback: %s".formatted(Distributions.format(i.callback())));
      line("    engine-stops: %s".formatted(Distributions.format(i.engineStops())));
      line("    discarded-reads: %s".formatted(i.discardedReads()));
      line(i.fences().isEmpty() ? "    fences: []" : "    fences:");
      i.fences().forEach(f -> line("      - " + fence(f)));
      line("    unmap: %s".formatted(Words.of(i.unmap())));
      if (i.unmap() == Reaction.Unmap.AFTER_FENCES) {
        line("    unmap-delay: %s".formatted(Distributions.format(i.unmapDelay())));
      }
      if (i.unmap() != Reaction.Unmap.NEVER) {
        line("    afterwards: %s".formatted(Words.of(i.afterwards())));
      }
    });
  }

  private static String fence(DescribedImporter.Fence fence) {
    return fence.trigger() == Reaction.Trigger.NEVER
        ? "{usage: %s, after: %s}".formatted(fence.usage().label(), Words.of(fence.trigger()))
        : "{usage: %s, after: %s, delay: %s, error: %s}"
            .formatted(
                fence.usage().label(),
                Words.of(fence.trigger()),
                Distributions.format(fence.delay()),
                fence.error());
  }

  private void machine(MachineUse machine) {
    line("machine:");
    line("  file: %s".formatted(quoted(machine.file())));
    line("  allow-host-bridge: %s".formatted(machine.allowHostBridge()));
    line("  kinds: {%s}".formatted(kinds(machine.importerKinds())));
    line("  buffers: %s".formatted(machine.buffersPerExporter()));
    line("  attachments: %s".formatted(machine.attachmentsPerImporter()));
    line("  memory: %s".formatted(Sizes.format(machine.memoryBytes())));
  }

  private static String kinds(Map<String, String> kinds) {
    return kinds.entrySet().stream()
        .map(e -> quoted(e.getKey()) + ": " + e.getValue())
        .collect(Collectors.joining(", "));
  }

  private void node(NodeSpec node) {
    line("  %s:".formatted(quoted(node.name())));
    line("    role: %s".formatted(node.role().label()));
    if (node.role() != Role.IOMMU) {
      line("    devices:");
    }
    for (ExporterSpec e : node.exporters()) {
      line(
          "      %s: {kind: %s, buffers: %s, size: %s%s}"
              .formatted(
                  quoted(e.name()),
                  e.kind().label(),
                  e.buffers(),
                  Sizes.format(e.bufferBytes()),
                  causes(e.causes()) + beginAfter(e)));
    }
    node.importers().forEach(this::importer);
  }

  private static String beginAfter(ExporterSpec exporter) {
    return exporter.beginAfter().isZero()
        ? ""
        : ", begin-after: " + Durations.format(exporter.beginAfter());
  }

  private static String causes(List<RevokeCause> causes) {
    return causes.isEmpty()
        ? ""
        : ", revoke-by: [%s]"
            .formatted(causes.stream().map(RevokeCause::label).collect(Collectors.joining(", ")));
  }

  private void importer(ImporterSpec importer) {
    line("      %s:".formatted(quoted(importer.name())));
    line("        kind: %s".formatted(importer.kind()));
    line("        attachments: %s".formatted(importer.attachments()));
    line("        behaviour: %s".formatted(importer.behaviour().label()));
    if (importer.behaviour().takesOverrun()) {
      line("        overrun: %s".formatted(Durations.format(importer.overrun())));
    }
    line("        ats: %s".formatted(importer.ats()));
    line("        cpu-access: %s".formatted(importer.cpu() != CpuUse.NONE));
    if (importer.cpu() != CpuUse.NONE) {
      line("        cpu-mapping: %s".formatted(importer.cpu().label()));
    }
    if (!importer.range().equals(Span.WHOLE)) {
      line("        range: {%s}".formatted(range(importer.range())));
    }
    String exporters =
        importer.exporters().stream().map(ScenarioWriter::quoted).collect(Collectors.joining(", "));
    line("        exporters: [%s]".formatted(exporters));
  }

  private static String range(Span range) {
    String length = "length: " + Sizes.format(range.length());
    return range.offset() == 0
        ? length
        : "offset: %s, %s".formatted(Sizes.format(range.offset()), length);
  }

  private static String refusal(Refusal refusal) {
    return "{exporter: %s, importer: %s, errno: %s, because: %s}"
        .formatted(
            quoted(refusal.exporter()),
            quoted(refusal.importer()),
            refusal.errno().name(),
            quoted(refusal.reason()));
  }

  private void list(String key, List<String> items) {
    line((items.isEmpty() ? "%s: []" : "%s:").formatted(key));
    items.forEach(item -> line("  - %s".formatted(item)));
  }

  /** In double quotes, so that no reader of YAML takes it for a number, a time or a truth. */
  private static String quoted(String text) {
    return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
  }

  private void line(String text) {
    yaml.append(text).append('\n');
  }
}
