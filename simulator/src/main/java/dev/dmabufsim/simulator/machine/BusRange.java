package dev.dmabufsim.simulator.machine;

/**
 * A bridge's bus numbers, from {@code Bus: primary=00, secondary=01, subordinate=0a}: what is
 * behind it are the buses from secondary to subordinate.
 */
public record BusRange(int primary, int secondary, int subordinate) {

  /** Whether the bridge leads anywhere: firmware leaves zeros in one that it did not set up. */
  public boolean configured() {
    return secondary != 0;
  }

  boolean contains(int bus) {
    return configured() && secondary <= bus && bus <= subordinate;
  }

  boolean encloses(BusRange other) {
    return secondary <= other.secondary && other.subordinate <= subordinate;
  }

  boolean overlaps(BusRange other) {
    return secondary <= other.subordinate && other.secondary <= subordinate;
  }

  int width() {
    return subordinate - secondary;
  }

  @Override
  public String toString() {
    return secondary == subordinate
        ? "bus %02x".formatted(secondary)
        : "buses %02x-%02x".formatted(secondary, subordinate);
  }
}
