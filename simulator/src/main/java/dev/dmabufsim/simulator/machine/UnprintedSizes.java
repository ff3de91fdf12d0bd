package dev.dmabufsim.simulator.machine;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.TreeSet;

/**
 * Sizes for BARs that are printed without one, as {@code lspci -F} does with a dump from another
 * machine: only the running kernel knows a BAR's size.
 *
 * <p>A BAR's size is a power of two, its address is a multiple of its size, it ends inside the
 * window of the bridge above it, and before the next BAR. The largest size that fits is taken, and
 * said to be inferred. Without a bridge's window there is no telling, and the size stays unknown.
 */
final class UnprintedSizes {

  private UnprintedSizes() {}

  static List<PciDevice> infer(List<PciDevice> devices, Topology topology) {
    Map<Integer, NavigableSet<Long>> starts = new HashMap<>();
    for (PciDevice device : devices) {
      NavigableSet<Long> inDomain =
          starts.computeIfAbsent(
              device.address().domain(), d -> new TreeSet<>(Long::compareUnsigned));
      device.bars().stream()
          .filter(Bar::memory)
          .filter(Bar::assigned)
          .forEach(b -> inDomain.add(b.address()));
    }
    List<PciDevice> result = new ArrayList<>(devices.size());
    for (PciDevice device : devices) {
      NavigableSet<Long> inDomain = starts.getOrDefault(device.address().domain(), new TreeSet<>());
      List<Bar> bars =
          device.bars().stream().map(bar -> sized(bar, device, topology, inDomain)).toList();
      result.add(bars.equals(device.bars()) ? device : device.withBars(bars));
    }
    return result;
  }

  private static Bar sized(
      Bar bar, PciDevice device, Topology topology, NavigableSet<Long> starts) {
    if (!bar.memory() || !bar.prefetchable() || !bar.assigned() || bar.sizeBytes() != 0) {
      return bar;
    }
    for (PciDevice bridge : topology.pathToRoot(device)) {
      MemoryWindow window = bridge.prefetchWindow();
      if (!bridge.equals(device) && window != null && window.contains(bar.address())) {
        long room = window.limit() - bar.address() + 1;
        Long next = starts.higher(bar.address());
        if (next != null) {
          long gap = next - bar.address();
          room = Long.compareUnsigned(gap, room) < 0 ? gap : room;
        }
        long aligned = Long.lowestOneBit(bar.address());
        long size = Math.min(Long.highestOneBit(room), aligned);
        return size > 0 ? bar.withInferredSize(size) : bar;
      }
    }
    return bar;
  }
}
