package dev.dmabufsim.common.driver;

import java.util.Map;
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
        String kind = kind(driver);
        ImporterDriver before = found.put(kind, driver);
        if (before != null) {
          throw new IllegalArgumentException(
              "importer drivers %s and %s are both called '%s'"
                  .formatted(before.getClass().getName(), driver.getClass().getName(), kind));
        }
      }
    } catch (ServiceConfigurationError | LinkageError e) {
      String cause = e.getCause() == null ? "" : " (" + e.getCause() + ")";
      throw new IllegalArgumentException(
          oneLine("an importer driver cannot be loaded: " + e.getMessage() + cause), e);
    }
    return new ImporterDrivers(found);
  }

  private static String kind(ImporterDriver driver) {
    String kind;
    try {
      kind = String.valueOf(driver.kind());
    } catch (RuntimeException e) {
      throw new IllegalArgumentException(
          oneLine(
              "importer driver %s does not say what it is called: %s"
                  .formatted(driver.getClass().getName(), e)),
          e);
    }
    if (!kind.matches("[a-z][a-z0-9-]{0,31}")) {
      throw new IllegalArgumentException(
          oneLine(
              "importer driver %s calls itself '%s': write at most 32 lower-case letters, digits"
                      .formatted(driver.getClass().getName(), kind)
                  + " and hyphens, a letter first"));
    }
    return kind;
  }

  private static String oneLine(String text) {
    return text.replaceAll("\\s+", " ");
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
