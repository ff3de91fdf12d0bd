package dev.dmabufsim.common.driver;

import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.TreeMap;

/** The drivers that are classes: the built-in ones, and the user's own on the class path. */
public final class ImporterDrivers {
  private final Map<String, ImporterDriver> byKind;

  private ImporterDrivers(Map<String, ImporterDriver> byKind) {
    this.byKind = byKind;
  }

  /**
   * Looks for them on the class path.
   *
   * @throws IllegalArgumentException with one line that says which is wrong, if one cannot be made,
   *     two share a name, or a name is not one
   */
  public static ImporterDrivers load() {
    Map<String, ImporterDriver> found = new TreeMap<>();
    try {
      for (ImporterDriver driver : ServiceLoader.load(ImporterDriver.class)) {
        String kind = checked(driver);
        ImporterDriver before = found.put(kind, driver);
        if (before != null) {
          throw new IllegalArgumentException(
              "importer drivers %s and %s are both called '%s'"
                  .formatted(before.getClass().getName(), driver.getClass().getName(), kind));
        }
      }
    } catch (ServiceConfigurationError | LinkageError e) {
      Throwable cause = e.getCause();
      throw new IllegalArgumentException(
          oneLine(
              "an importer driver cannot be loaded: "
                  + e.getMessage()
                  + (cause == null ? "" : ": " + cause)));
    }
    return new ImporterDrivers(found);
  }

  private static String oneLine(String text) {
    return text.replaceAll("\\s+", " ");
  }

  /** The name of a driver, which may be anybody's code. */
  private static String checked(ImporterDriver driver) {
    String name = driver.getClass().getName();
    String kind;
    try {
      kind = Objects.requireNonNull(driver.kind(), "kind()");
      Objects.requireNonNull(driver.description(), "description()");
      ImporterOffer offer = Objects.requireNonNull(driver.offer(), "offer()");
      if (!offer.dynamic() && (offer.peer2peer() || offer.invalidateMappings())) {
        throw new IllegalArgumentException(
            "a static importer (dma_buf_attach) has neither peer2peer nor the callback");
      }
      boolean _ = driver.writes();
    } catch (RuntimeException | LinkageError | AssertionError e) {
      throw new IllegalArgumentException(
          oneLine("importer driver %s fails: %s".formatted(name, e)));
    }
    if (!kind.matches("[a-z][a-z0-9-]{0,31}")) {
      throw new IllegalArgumentException(
          oneLine(
              "importer driver %s calls itself '%s': write lower-case letters, digits and hyphens"
                  .formatted(name, kind)));
    }
    return kind;
  }

  /** The driver of that kind, if there is one. */
  public Optional<ImporterDriver> find(String kind) {
    return Optional.ofNullable(byKind.get(kind));
  }

  /** All of them, by name. */
  public Map<String, ImporterDriver> all() {
    return Map.copyOf(byKind);
  }

  /** Every name, for an error message. */
  public String kinds() {
    return String.join(", ", byKind.keySet());
  }
}
