package dev.dmabufsim.simulator.scenario;

import dev.dmabufsim.common.contract.FenceUsage;
import dev.dmabufsim.common.driver.DescribedImporter;
import dev.dmabufsim.common.driver.Distribution;
import dev.dmabufsim.common.driver.ImporterOffer;
import dev.dmabufsim.common.driver.Reaction.Afterwards;
import dev.dmabufsim.common.driver.Reaction.Trigger;
import dev.dmabufsim.common.driver.Reaction.Unmap;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Binds {@code importers}: kinds of importer that a scenario describes itself. */
final class ImportersBinder {
  private static final List<String> KEYS =
      List.of(
          "description",
          "attach",
          "writes",
          "callback",
          "engine-stops",
          "discarded-reads",
          "fences",
          "unmap",
          "unmap-delay",
          "afterwards");
  private static final List<String> ATTACH_KEYS =
      List.of("dynamic", "peer2peer", "invalidate-mappings", "pins", "iommufd-map");
  private static final List<String> FENCE_KEYS = List.of("usage", "after", "delay", "error");
  private static final String NAME = "[a-z][a-z0-9-]{0,31}";

  private ImportersBinder() {}

  static Importers bind(Section root, Importers classes) throws ScenarioException {
    Map<String, DescribedImporter> described = new LinkedHashMap<>();
    Field field = root.find("importers");
    if (field == null) {
      return classes;
    }
    for (var named : field.names().all().entrySet()) {
      String name = named.getKey();
      Field at = named.getValue();
      if (!name.matches(NAME)) {
        throw new ScenarioException(
            at.keyAt(),
            Quote.of(name) + " is no name for a kind of importer",
            "write 1 to 32 lower-case letters, digits and hyphens, a letter first");
      }
      if (classes.find(name).isPresent()) {
        throw new ScenarioException(
            at.keyAt(),
            Quote.of(name) + " is a kind of importer already, and a class",
            "give this one another name");
      }
      described.put(name, importer(name, at.section(KEYS)));
    }
    if (described.size() > Limits.DESCRIBED_IMPORTERS_MAX) {
      throw new ScenarioException(
          field.keyAt(),
          described.size() + " kinds of importer",
          "at most " + Limits.DESCRIBED_IMPORTERS_MAX + " are possible");
    }
    return classes.with(described);
  }

  private static DescribedImporter importer(String name, Section section) throws ScenarioException {
    List<DescribedImporter.Fence> fences = fences(section);
    Unmap unmap = unmap(section, fences);
    if (unmap != Unmap.AFTER_FENCES) {
      refuse(
          section,
          "unmap-delay",
          unmap == Unmap.NEVER
              ? "it never unmaps"
              : "it unmaps in the callback, however long that takes");
    }
    if (unmap == Unmap.NEVER) {
      refuse(section, "afterwards", "it never unmaps, so nothing comes afterwards");
    }
    return new DescribedImporter(
        name,
        section.textOrEmpty("description"),
        offer(section),
        yes(section, "writes", true),
        time(section, "callback"),
        time(section, "engine-stops"),
        yes(section, "discarded-reads", false),
        fences,
        unmap,
        time(section, "unmap-delay"),
        word(
            section,
            "afterwards",
            "thing to do afterwards",
            Afterwards.values(),
            Afterwards.MAP_AGAIN));
  }

  private static ImporterOffer offer(Section importer) throws ScenarioException {
    Section section = importer.section("attach", ATTACH_KEYS);
    boolean dynamic = yes(section, "dynamic", true);
    boolean peer2peer = yes(section, "peer2peer", dynamic);
    boolean callback = yes(section, "invalidate-mappings", dynamic);
    if (!dynamic && (peer2peer || callback)) {
      String key = callback ? "invalidate-mappings" : "peer2peer";
      throw new ScenarioException(
          section.atOf(key),
          section.pathOf(key) + " is true, but the importer attaches statically",
          "remove it, or the 'dynamic: false': both are members of importer_ops");
    }
    return new ImporterOffer(
        dynamic,
        peer2peer,
        callback,
        yes(section, "pins", false),
        yes(section, "iommufd-map", false));
  }

  private static List<DescribedImporter.Fence> fences(Section section) throws ScenarioException {
    List<DescribedImporter.Fence> fences = new ArrayList<>();
    for (Field item : section.items("fences")) {
      if (fences.size() == Limits.FENCES_MAX) {
        throw new ScenarioException(
            item.keyAt(),
            "more than " + Limits.FENCES_MAX + " fences",
            "an importer adds at most " + Limits.FENCES_MAX);
      }
      fences.add(fence(item.section(FENCE_KEYS)));
    }
    return fences;
  }

  private static DescribedImporter.Fence fence(Section section) throws ScenarioException {
    FenceUsage usage =
        section
            .need("usage", FenceUsage.BOOKKEEP.label())
            .choice("usage of a fence", FenceUsage::labelled, FenceUsage.labels());
    Trigger trigger =
        word(section, "after", "trigger of a fence", Trigger.values(), Trigger.ENGINE_STOPPED);
    if (trigger == Trigger.NEVER) {
      refuse(section, "delay", "the fence never signals");
      refuse(section, "error", "the fence never signals");
    }
    return new DescribedImporter.Fence(
        usage, trigger, time(section, "delay"), yes(section, "error", false));
  }

  private static Unmap unmap(Section section, List<DescribedImporter.Fence> fences)
      throws ScenarioException {
    return word(
        section,
        "unmap",
        "time of an unmap",
        Unmap.values(),
        fences.isEmpty() ? Unmap.IN_CALLBACK : Unmap.AFTER_FENCES);
  }

  private static void refuse(Section section, String key, String why) throws ScenarioException {
    Field field = section.find(key);
    if (field != null) {
      throw field.wrong(field.path() + " is there, but " + why, "remove it");
    }
  }

  private static boolean yes(Section section, String key, boolean fallback)
      throws ScenarioException {
    Field field = section.find(key);
    return field == null ? fallback : field.yesOrNo();
  }

  private static Distribution time(Section section, String key) throws ScenarioException {
    Field field = section.find(key);
    return field == null ? Distribution.ZERO : Distributions.parse(field);
  }

  private static <E extends Enum<E>> E word(
      Section section, String key, String what, E[] values, E fallback) throws ScenarioException {
    Field field = section.find(key);
    return field == null ? fallback : field.choice(what, Words.among(values), Words.all(values));
  }
}
