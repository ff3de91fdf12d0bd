package dev.dmabufsim.simulator.machine;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** What a reader has to know about a listing: what it does not show, and what was made of that. */
final class Notes {

  private Notes() {}

  static List<String> about(
      List<PciDevice> devices, Topology topology, boolean driversListed, int skippedLines) {
    List<String> notes = new ArrayList<>();
    if (topology.treeUnknown()) {
      notes.add(
          "No bridge is listed, so the tree is not known: every pair is treated as behind the host"
              + " bridge. 'lspci -vv' of the whole machine shows the bridges.");
    } else {
      addOrphans(topology, notes);
    }
    long hidden = devices.stream().filter(PciDevice::acsUnknown).count();
    if (hidden > 0) {
      notes.add(
          count(hidden, "device")
              + " may redirect peer-to-peer traffic (ACS), but the listing does not show it:"
              + " taken not to. Run 'lspci -vv' as root.");
    }
    if (!driversListed) {
      notes.add(
          "No driver is listed (lspci -F, or no kernel to ask): kinds are chosen by class and"
              + " vendor.");
    }
    long inferred =
        devices.stream().flatMap(d -> d.bars().stream()).filter(Bar::sizeInferred).count();
    if (inferred > 0) {
      notes.add(
          count(inferred, "BAR")
              + " printed without a size: the largest that its address, the bridge's window and"
              + " the next BAR allow is taken, marked ≤.");
    }
    if (skippedLines > 0) {
      notes.add(count(skippedLines, "line") + " of messages or commands in the listing skipped.");
    }
    return notes;
  }

  /** What sits on a root bus is part of the root complex; a plain endpoint there lacks its port. */
  private static void addOrphans(Topology topology, List<String> notes) {
    List<RootBus> orphans =
        topology.rootBuses().stream()
            .filter(root -> topology.on(root).stream().anyMatch(Notes::isEndpoint))
            .filter(root ->
                topology.on(root).stream()
                    .noneMatch(d -> d.deviceClass() == DeviceClass.HOST_BRIDGE))
            .toList();
    if (!orphans.isEmpty()) {
      notes.add(
          "No listed bridge leads to "
              + orphans.stream().map(RootBus::toString).collect(Collectors.joining(", "))
              + ", and no host bridge is there: each is taken for a root bus of its own.");
    }
  }

  private static boolean isEndpoint(PciDevice device) {
    return device.express() == ExpressType.ENDPOINT
        || device.express() == ExpressType.LEGACY_ENDPOINT;
  }

  private static String count(long number, String noun) {
    return number + " " + noun + (number == 1 ? "" : "s");
  }
}
