package dev.dmabufsim.simulator.explore;

import dev.dmabufsim.common.contract.Behaviour;
import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.contract.ExporterKind;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.driver.ImporterDriver;
import dev.dmabufsim.common.driver.ImporterDrivers;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Worlds as options and traces name them. All of it is untrusted. */
public final class Worlds {
  private static final int MOST_IMPORTERS = 8;
  private static final int MOST_FAULTS = 20;
  private static final int MOST_ROUNDS = 20;
  private static final String ALL = "all";
  private static final String NONE = "none";

  private Worlds() {}

  /**
   * A world in words.
   *
   * @param contract the sequence
   * @param exporter the exporter's kind
   * @param cause why it revokes; null for its usual reason
   * @param importers each a kind, or {@code kind:behaviour}
   * @param overrunMillis by how much those are late that are, or go on
   * @param faults kinds of faults, or {@code all} or {@code none} alone
   * @param mostFaults in one schedule
   * @param rounds how many revokes
   * @param small whether for a visit of every state
   * @param reads whether engines read as well as write
   */
  public record Words(
      String contract,
      String exporter,
      @Nullable String cause,
      List<String> importers,
      long overrunMillis,
      List<String> faults,
      int mostFaults,
      int rounds,
      boolean small,
      boolean reads) {
    /** Takes copies. */
    public Words {
      importers = List.copyOf(importers);
      faults = List.copyOf(faults);
    }
  }

  /**
   * The world that is meant.
   *
   * @throws IllegalArgumentException with one line that says what would be right
   */
  public static WorldPlan of(Words w) {
    Contract contract =
        found(Contract.labelled(w.contract), "contract", w.contract, Contract.labels());
    ExporterKind exporter =
        found(ExporterKind.labelled(w.exporter), "kind of exporter", w.exporter, revoking());
    if (exporter.causes().isEmpty()) {
      throw new IllegalArgumentException(
          "an exporter of kind '%s' never revokes, so there is nothing to explore; write one of: %s"
              .formatted(w.exporter, revoking()));
    }
    RevokeCause cause = exporter.causes().getFirst();
    if (w.cause != null) {
      String its =
          exporter.causes().stream().map(RevokeCause::label).collect(Collectors.joining(", "));
      cause =
          found(
              RevokeCause.labelled(w.cause).filter(exporter.causes()::contains),
              "reason for a %s to revoke".formatted(w.exporter),
              w.cause,
              its);
    }
    List<WorldPlan.Device> devices = devices(w);
    between("faults in a schedule", w.mostFaults, 0, MOST_FAULTS);
    between("rounds", w.rounds, 1, MOST_ROUNDS);
    return new WorldPlan(
        contract,
        exporter,
        cause,
        devices,
        faults(w.faults),
        w.mostFaults,
        w.rounds,
        w.reads,
        w.small ? WorldPlan.Times.small(contract.enforced()) : WorldPlan.Times.ordinary(),
        0);
  }

  private static String revoking() {
    return java.util.Arrays.stream(ExporterKind.values())
        .filter(k -> !k.causes().isEmpty())
        .map(ExporterKind::label)
        .collect(Collectors.joining(", "));
  }

  private static List<WorldPlan.Device> devices(Words w) {
    if (w.importers.stream().allMatch(String::isEmpty)) {
      throw new IllegalArgumentException(
          "a world without importers is empty; name some, such as gpu-dynamic,rdma-odp:silent");
    }
    if (w.importers.size() > MOST_IMPORTERS) {
      throw new IllegalArgumentException(
          "%d importers are too many to explore; name %d at most"
              .formatted(w.importers.size(), MOST_IMPORTERS));
    }
    if (w.overrunMillis < 0 || w.overrunMillis > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "an overrun of " + w.overrunMillis + " ms; write 0 or more");
    }
    ImporterDrivers drivers = ImporterDrivers.load();
    List<WorldPlan.Device> devices = new ArrayList<>();
    for (String word : w.importers) {
      int colon = word.indexOf(':');
      String kind = colon < 0 ? word : word.substring(0, colon);
      String behaviour = colon < 0 ? Behaviour.HONEST.label() : word.substring(colon + 1);
      ImporterDriver driver = found(drivers.find(kind), "kind of importer", kind, drivers.kinds());
      Behaviour its =
          found(Behaviour.labelled(behaviour), "behaviour", behaviour, Behaviour.labels());
      devices.add(
          new WorldPlan.Device(
              "i" + (devices.size() + 1), driver, its, w.overrunMillis * 1_000_000));
    }
    return devices;
  }

  private static Set<FaultKind> faults(List<String> words) {
    if (words.equals(List.of(ALL))) {
      return EnumSet.allOf(FaultKind.class);
    }
    Set<FaultKind> faults = EnumSet.noneOf(FaultKind.class);
    if (!words.equals(List.of(NONE))) {
      for (String word : words) {
        faults.add(
            found(
                FaultKind.labelled(word),
                "kind of fault",
                word,
                FaultKind.labels() + "; or all, or none"));
      }
    }
    return faults;
  }

  private static void between(String what, int value, int least, int most) {
    if (value < least || value > most) {
      throw new IllegalArgumentException(
          "%d %s; write %d to %d".formatted(value, what, least, most));
    }
  }

  private static <T> T found(Optional<T> found, String what, String word, String right) {
    return found.orElseThrow(() ->
        new IllegalArgumentException(
            "there is no %s '%s'; there are: %s".formatted(what, shown(word), right)));
  }

  private static String shown(String word) {
    String clean = word.replaceAll("\\p{C}", "?");
    return clean.length() > 40 ? clean.substring(0, 40) + "..." : clean;
  }

  /** A world in words, as {@link #of} reads them. */
  static Words words(WorldPlan plan) {
    return new Words(
        plan.contract().label(),
        plan.exporter().label(),
        plan.cause().label(),
        plan.importers().stream()
            .map(d -> d.driver().kind() + ":" + d.behaviour().label())
            .toList(),
        plan.importers().getFirst().overrunNanos() / 1_000_000,
        plan.faults().isEmpty() ? List.of(NONE) : labels(plan.faults()),
        plan.mostFaults(),
        plan.rounds(),
        !plan.times().equals(WorldPlan.Times.ordinary()),
        plan.reads());
  }

  private static List<String> labels(Collection<FaultKind> kinds) {
    return kinds.stream().sorted().map(FaultKind::label).toList();
  }

  /** In a few words, for a heading. */
  public static String title(WorldPlan plan) {
    return String.format(
        Locale.ROOT,
        "%s: a %s (%s) and %s; faults: %s",
        plan.contract().label(),
        plan.exporter().label(),
        plan.cause().label(),
        plan.importers().stream()
            .map(d ->
                d.honest() ? d.driver().kind() : d.driver().kind() + ":" + d.behaviour().label())
            .collect(Collectors.joining(", ")),
        plan.faults().isEmpty()
            ? NONE
            : "at most %d of %s"
                .formatted(plan.mostFaults(), String.join(", ", labels(plan.faults()))));
  }
}
