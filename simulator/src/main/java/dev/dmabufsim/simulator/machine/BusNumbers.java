package dev.dmabufsim.simulator.machine;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Checks that bridges' bus numbers can be true together. What cannot be decided (two ways to one
 * bus, a bridge above itself) is refused; what firmware does get wrong without harm (the primary
 * bus number of the register, a child that overshoots its parent) is let pass.
 */
final class BusNumbers {

  private BusNumbers() {}

  static void check(String source, List<PciDevice> bridges) {
    // At most one bridge for each bus of a domain survives the first loop, so pairs are few.
    Map<RootBus, PciDevice> leading = new HashMap<>();
    for (PciDevice bridge : bridges) {
      checkAlone(source, bridge);
      RootBus bus = new RootBus(bridge.address().domain(), range(bridge).secondary());
      PciDevice other = leading.putIfAbsent(bus, bridge);
      if (other != null) {
        throw problem(
            source,
            bridge,
            "and so does bridge "
                + other.address()
                + " (line "
                + other.line()
                + "); expected one bridge to each bus");
      }
    }
    for (PciDevice bridge : bridges) {
      for (int bus = range(bridge).secondary(); bus <= range(bridge).subordinate(); bus++) {
        PciDevice inner = leading.get(new RootBus(bridge.address().domain(), bus));
        if (inner != null && !inner.equals(bridge)) {
          checkPair(source, bridge, inner);
        }
      }
    }
  }

  private static void checkAlone(String source, PciDevice bridge) {
    BusRange range = range(bridge);
    if (range.secondary() > range.subordinate()) {
      throw problem(
          source, bridge, "which ends before it begins; expected secondary <= subordinate");
    }
    if (range.secondary() <= bridge.address().bus()) {
      throw problem(
          source,
          bridge,
          "which is not above its own bus %02x: a bridge cannot lead to itself; expected"
                  .formatted(bridge.address().bus())
              + " a higher secondary bus");
    }
  }

  /** The second bridge's first bus is inside the first one's range: it must sit below it. */
  private static void checkPair(String source, PciDevice outer, PciDevice inner) {
    if (!range(outer).contains(inner.address().bus())) {
      throw problem(
          source,
          inner,
          "but bridge "
              + outer.address()
              + " (line "
              + outer.line()
              + ") has "
              + range(outer)
              + " behind it and does not lead to it; expected ranges that nest or keep apart");
    }
  }

  private static BusRange range(PciDevice bridge) {
    @Nullable BusRange range = bridge.buses();
    if (range == null) {
      throw new IllegalArgumentException(bridge.address() + " is no bridge");
    }
    return range;
  }

  private static MachineFormatException problem(String source, PciDevice bridge, String what) {
    BusRange range = range(bridge);
    return new MachineFormatException(
        source,
        bridge.line(),
        "bridge %s claims buses %02x to %02x, "
                .formatted(bridge.address(), range.secondary(), range.subordinate())
            + what);
  }
}
