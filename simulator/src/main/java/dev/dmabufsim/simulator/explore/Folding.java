package dev.dmabufsim.simulator.explore;

import dev.dmabufsim.simulator.explore.SharedMemory.Part;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Worlds of one plan as rows of the numbers of their parts, and back. Equal parts have the same
 * number, so that equal rows are those of equal worlds: nothing is left to chance. Of each part the
 * one that came first is kept, for all the worlds that have it.
 */
final class Folding {
  private static final Part[] MEMORY = Part.values();

  /** What was given a number, by that number. */
  private static final class Kept<T> {
    private final List<@Nullable T> all = new ArrayList<>();

    int keep(int number, T part) {
      while (all.size() <= number) {
        all.add(null);
      }
      if (all.get(number) == null) {
        all.set(number, part);
      }
      return number;
    }

    T get(int number) {
      return Objects.requireNonNull(all.get(number), "no such part");
    }
  }

  private final int nodes;
  private final Numbers numbers;
  private final Kept<Node> nodeOf = new Kept<>();
  private final Kept<Network> netOf = new Kept<>();
  private final Node[] shown;

  Folding(WorldPlan plan, Numbers numbers) {
    this.nodes = World.FIRST_IMPORTER + plan.importers().size();
    this.numbers = numbers;
    this.shown = new Node[nodes];
  }

  /** How many parts a world has: its nodes, in their order, and those below. */
  int parts() {
    return restPart() + 1;
  }

  /** Where the number of a part of the memory stands. */
  int memoryPart(Part part) {
    return switch (part) {
      case SEGMENTS -> nodes;
      case SLOTS -> nodes + 1;
      case JOURNAL -> nodes + 2;
      case GENERATION -> nodes + 3;
    };
  }

  int netPart() {
    return nodes + 4;
  }

  int restPart() {
    return nodes + 5;
  }

  /** A world's parts. It is not to be changed any more. */
  int[] fold(World w) {
    int[] parts = new int[parts()];
    for (int i = 0; i < nodes; i++) {
      parts[i] = node(w, i);
    }
    for (Part part : MEMORY) {
      parts[memoryPart(part)] = memory(w, part);
    }
    parts[netPart()] = net(w.net());
    parts[restPart()] = rest(w);
    return parts;
  }

  int node(World w, int index) {
    Node node = w.node(index);
    return nodeOf.keep(node.number(numbers), node);
  }

  int memory(World w, Part part) {
    return numbers.of(w.memory().part(part));
  }

  int net(Network net) {
    return netOf.keep(net.number(numbers), net);
  }

  int rest(World w) {
    return numbers.of(w.rest());
  }

  /** What a number of {@link #net(Network)} stands for; not to be changed. */
  Network net(int number) {
    return netOf.get(number);
  }

  /** What a number of {@link #rest(World)} stands for. */
  World.Rest rest(int number) {
    return (World.Rest) numbers.value(number);
  }

  /** Has a world be the one with these parts and that history, to be looked at or copied only. */
  void show(int[] parts, Histories.Told told, World view) {
    for (int i = 0; i < nodes; i++) {
      shown[i] = nodeOf.get(parts[i]);
    }
    for (Part part : MEMORY) {
      view.memory().part(part, numbers.value(parts[memoryPart(part)]));
    }
    view.become(shown, net(parts[netPart()]), rest(parts[restPart()]), told.written(), told.last());
  }
}
