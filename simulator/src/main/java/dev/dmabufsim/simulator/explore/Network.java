package dev.dmabufsim.simulator.explore;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Messages under way, in order between any two nodes, and who is cut off from whom. */
final class Network {
  /**
   * A message under way.
   *
   * @param to the process that it is for: its successor does not get it
   * @param byNanos when it comes at the latest
   */
  record Sent(Packet packet, int to, long byNanos) {}

  final int nodes;
  private final ArrayDeque<Sent>[] channels;
  private final boolean[] cut;

  @SuppressWarnings({"unchecked", "rawtypes"}) // an array of a generic type has no other way
  Network(int nodes) {
    this.nodes = nodes;
    this.channels = new ArrayDeque[nodes * nodes];
    for (int i = 0; i < channels.length; i++) {
      channels[i] = new ArrayDeque<>(4);
    }
    this.cut = new boolean[nodes * nodes];
  }

  Network copy() {
    Network copy = new Network(nodes);
    for (int i = 0; i < channels.length; i++) {
      copy.channels[i].addAll(channels[i]);
      copy.cut[i] = cut[i];
    }
    return copy;
  }

  ArrayDeque<Sent> channel(int from, int to) {
    return channels[from * nodes + to];
  }

  boolean cut(int a, int b) {
    return cut[Math.min(a, b) * nodes + Math.max(a, b)];
  }

  void cut(int a, int b, boolean next) {
    cut[Math.min(a, b) * nodes + Math.max(a, b)] = next;
  }

  void send(int from, int to, Sent sent) {
    if (!cut(from, to) || sent.packet().sure()) {
      channel(from, to).add(sent);
    }
  }

  /** What makes it different from others. */
  Object key() {
    List<Object> key = new ArrayList<>();
    for (int i = 0; i < channels.length; i++) {
      if (!channels[i].isEmpty()) {
        key.add(i);
        key.add(List.copyOf(channels[i]));
      }
    }
    key.add(Arrays.hashCode(cut));
    return key;
  }
}
