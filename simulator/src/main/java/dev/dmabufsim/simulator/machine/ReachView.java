package dev.dmabufsim.simulator.machine;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Who reaches whom: a matrix where it is small, else groups of pairs that share a way; then each
 * way in words.
 */
final class ReachView {

  private static final int LARGEST_MATRIX = 16;
  private static final int MOST_WAYS = 24;
  private static final int CELL = 5;

  /** More pairs than this are not listed: it would take gigabytes to say nothing readable. */
  private static final long MOST_PAIRS = 1_000_000;

  /** What pairs share: the short word of the matrix, and the sentence below it. */
  private record Way(String word, String sentence) {

    /** Where its sentence stands: the best way first. */
    int rank() {
      return switch (word) {
        case "self" -> 0;
        case "bus" -> 1;
        case "host" -> 2;
        default -> 3;
      };
    }
  }

  private final Machine machine;
  private final HostBridgePolicy policy;
  private final Map<Way, List<int[]>> pairs = new LinkedHashMap<>();
  private final Map<String, Way> known = new HashMap<>();
  private int refusals;

  private ReachView(Machine machine, HostBridgePolicy policy) {
    this.machine = machine;
    this.policy = policy;
  }

  static void append(Machine machine, HostBridgePolicy policy, StringBuilder out) {
    if (machine.exporters().isEmpty() || machine.importers().isEmpty()) {
      out.append("  nobody: it takes an exporter and an importer\n");
      return;
    }
    long count = (long) machine.exporters().size() * machine.importers().size();
    if (count > MOST_PAIRS) {
      out.append("  ").append(count).append(" pairs are too many to list; list fewer devices\n");
      return;
    }
    ReachView view = new ReachView(machine, policy);
    Way[][] ways = view.ways();
    if (machine.exporters().size() <= LARGEST_MATRIX
        && machine.importers().size() <= LARGEST_MATRIX) {
      view.matrix(ways, out);
      view.legend(false, out);
    } else {
      view.legend(true, out);
    }
  }

  private Way[][] ways() {
    int columns = machine.importers().size();
    Way[][] ways = new Way[machine.exporters().size()][columns];
    Map<String, Route> routes = new HashMap<>();
    for (int row = 0; row < ways.length; row++) {
      Exporter exporter = machine.exporters().get(row);
      for (int column = 0; column < columns; column++) {
        Importer importer = machine.importers().get(column);
        // Devices side by side on a bus have the same way: thousands of virtual functions do.
        String key =
            exporter.device().address().equals(importer.device().address())
                ? "self " + exporter.device().address()
                : place(exporter.device(), exporter.kind())
                    + place(importer.device(), importer.kind());
        Route route = routes.computeIfAbsent(key, k -> machine.route(exporter, importer, policy));
        Way way = way(route);
        ways[row][column] = way;
        pairs.computeIfAbsent(way, w -> new ArrayList<>()).add(new int[] {row, column});
      }
    }
    return ways;
  }

  private String place(PciDevice device, String kind) {
    PciAddress own = device.redirectsPeerToPeer() ? device.address() : null;
    String above =
        machine
            .topology()
            .upstreamBridge(device)
            .map(bridge -> bridge.address().toString())
            .orElseGet(() -> machine.topology().rootBus(device).toString());
    return above + " " + own + " " + kind + ";";
  }

  private Way way(Route route) {
    return switch (route) {
      case Route.BusAddress direct when direct.distance() == 0 ->
          named("self", "the same function");
      case Route.BusAddress direct ->
          named("bus", "bus address: turns around at the bridge above both, and goes no further");
      case Route.ThroughHostBridge up -> named("host", "through the host bridge: " + up.why());
      case Route.NotSupported refused ->
          named(
              "",
              "refused, %s at %s: %s"
                  .formatted(refused.errno(), refused.operation(), refused.reason()));
    };
  }

  private Way named(String word, String sentence) {
    Way before = known.get(sentence);
    if (before != null) {
      return before;
    }
    String letter = refusals < 26 ? "no-" + (char) ('a' + refusals) : "no";
    Way way = new Way(word.isEmpty() ? letter : word, sentence);
    refusals += word.isEmpty() ? 1 : 0;
    known.put(sentence, way);
    return way;
  }

  private void matrix(Way[][] ways, StringBuilder out) {
    int names =
        machine.exporters().stream()
            .mapToInt(e -> machine.nameOf(e.device()).length())
            .max()
            .orElse(0);
    StringBuilder head = new StringBuilder(" ".repeat(2 + 5 + names + 2));
    for (int column = 1; column <= machine.importers().size(); column++) {
      head.append(Layout.pad("i" + column, CELL));
    }
    out.append(head.toString().stripTrailing()).append('\n');
    for (int row = 0; row < ways.length; row++) {
      StringBuilder line = new StringBuilder("  ");
      line.append(Layout.pad("e" + (row + 1), 5));
      line.append(Layout.pad(machine.nameOf(machine.exporters().get(row).device()), names + 2));
      for (Way way : ways[row]) {
        line.append(Layout.pad(way.word(), CELL));
      }
      out.append(line.toString().stripTrailing()).append('\n');
    }
    out.append('\n');
  }

  private void legend(boolean withPairs, StringBuilder out) {
    int shown = 0;
    List<Map.Entry<Way, List<int[]>>> ordered =
        pairs.entrySet().stream()
            .sorted(Comparator.comparingInt(entry -> entry.getKey().rank()))
            .toList();
    for (Map.Entry<Way, List<int[]>> entry : ordered) {
      if (shown++ == MOST_WAYS) {
        out.append("  ... and ").append(pairs.size() - MOST_WAYS).append(" more ways\n");
        return;
      }
      int count = entry.getValue().size();
      String sentence =
          entry.getKey().sentence() + " (" + count + (count == 1 ? " pair)" : " pairs)");
      Layout.hanging(out, "  " + Layout.pad(entry.getKey().word(), CELL + 1), sentence);
      if (withPairs) {
        pairLines(entry.getValue(), out);
      }
    }
  }

  /** Exporters that reach the same importers share a line: {@code e1-e4: i1-i8 i12}. */
  private static void pairLines(List<int[]> pairs, StringBuilder out) {
    Map<Integer, List<Integer>> byExporter = new LinkedHashMap<>();
    for (int[] pair : pairs) {
      byExporter.computeIfAbsent(pair[0], e -> new ArrayList<>()).add(pair[1]);
    }
    Map<List<Integer>, List<Integer>> alike = new LinkedHashMap<>();
    byExporter.forEach((exporter, importers) ->
        alike.computeIfAbsent(importers, i -> new ArrayList<>()).add(exporter));
    alike.forEach((importers, exporters) ->
        Layout.hanging(
            out,
            " ".repeat(2 + CELL + 1),
            NumberRanges.text('e', exporters) + ": " + NumberRanges.text('i', importers)));
  }
}
