package dev.dmabufsim.simulator.explore;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** Messages under way, in order between any two nodes, and who is cut off from whom. */
final class Network {
  /**
   * A message under way.
   *
   * @param to the process that it is for: its successor does not get it
   * @param byNanos when it comes at the latest
   */
  record Sent(Packet packet, int to, long byNanos) {}

  private final int nodes;

  /** Never changed in place: copies of a network share them. */
  private final List<List<Sent>> channels;

  private final boolean[] cut;

  /** The channels with something under way, or null if that is to be looked up. */
  private int @Nullable [] busy;

  Network(int nodes) {
    this.nodes = nodes;
    this.channels = new ArrayList<>(nodes * nodes);
    for (int i = 0; i < nodes * nodes; i++) {
      channels.add(List.of());
    }
    this.cut = new boolean[nodes * nodes];
  }

  private Network(Network other) {
    this.nodes = other.nodes;
    this.channels = new ArrayList<>(other.channels);
    this.cut = other.cut.clone();
    this.busy = other.busy;
  }

  Network copy() {
    return new Network(this);
  }

  /** What is under way from one to the other, the oldest first. */
  List<Sent> channel(int from, int to) {
    return channels.get(from * nodes + to);
  }

  /** Puts other messages under way there. */
  void channel(int from, int to, List<Sent> next) {
    channels.set(from * nodes + to, next);
    busy = null;
  }

  /**
   * The channels with something under way, in order, each as {@code from * nodes + to}; not to be
   * changed. Most worlds have few.
   */
  int[] busy() {
    if (busy == null) {
      busy = IntStream.range(0, channels.size()).filter(c -> !channels.get(c).isEmpty()).toArray();
    }
    return busy;
  }

  /** The oldest message there, or null. */
  @Nullable Sent head(int from, int to) {
    List<Sent> channel = channel(from, to);
    return channel.isEmpty() ? null : channel.getFirst();
  }

  Sent remove(int from, int to) {
    List<Sent> channel = channel(from, to);
    channel(from, to, Lists.tail(channel));
    return channel.getFirst();
  }

  boolean empty() {
    return busy().length == 0;
  }

  boolean cut(int a, int b) {
    return cut[Math.min(a, b) * nodes + Math.max(a, b)];
  }

  void cut(int a, int b, boolean next) {
    cut[Math.min(a, b) * nodes + Math.max(a, b)] = next;
  }

  void send(int from, int to, Sent sent) {
    if (!cut(from, to) || sent.packet().sure()) {
      channel(from, to, Lists.plus(channel(from, to), sent));
    }
  }

  /** The number of what makes it different from others. */
  int number(Numbers n) {
    long[] parts = new long[2 * channels.size()];
    for (int i = 0; i < channels.size(); i++) {
      int its = n.of(channels.get(i));
      channels.set(i, n.first(channels.get(i), its));
      parts[i] = its;
      parts[channels.size() + i] = cut[i] ? 1 : 0;
    }
    return n.of(parts);
  }

  @Override
  public String toString() {
    return channels + " " + Arrays.toString(cut);
  }
}
