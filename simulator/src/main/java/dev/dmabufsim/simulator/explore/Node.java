package dev.dmabufsim.simulator.explore;

/** A node, and the process that it is. */
abstract class Node {
  /** How a process is. */
  enum Status {
    UP,
    FROZEN,
    DEAD
  }

  /** It is not to crash. */
  private static final int SOUND = -1;

  private final int node;
  private final String name;
  private final String role;
  private int process;
  private Status status = Status.UP;

  /** Since when it is as it is. */
  private long sinceNanos;

  private int crashAfter = SOUND;

  /** For the states seen: the number of this one, or -1 if it may have changed. */
  private int folded = -1;

  Node(int node, String name, String role, int process) {
    this.node = node;
    this.name = name;
    this.role = role;
    this.process = process;
  }

  abstract Node copy();

  /** For the states seen: the number of what makes it different from others. */
  final int number(Numbers n) {
    if (folded < 0) {
      folded = n.of(n.of(node, process, n.of(status), sinceNanos, crashAfter), numberOfRest(n));
    }
    return folded;
  }

  /** The number of what is not every node's. */
  abstract int numberOfRest(Numbers n);

  /** Something comes. */
  abstract void receive(Packet packet, World w);

  /** When its timer is over, or {@link World#NEVER}. */
  abstract long dueNanos();

  /** Its timer is over. */
  abstract void timer(World w);

  /** What of it is gone with its process. */
  abstract void died();

  /** A new process begins. */
  abstract void restarted(World w);

  final void assume(Node other) {
    process = other.process;
    status = other.status;
    sinceNanos = other.sinceNanos;
    crashAfter = other.crashAfter;
    folded = other.folded;
  }

  /** It may change now. */
  final void unfold() {
    folded = -1;
  }

  final int node() {
    return node;
  }

  final String name() {
    return name;
  }

  final String role() {
    return role;
  }

  final int process() {
    return process;
  }

  final boolean up() {
    return status == Status.UP;
  }

  final boolean dead() {
    return status == Status.DEAD;
  }

  final boolean frozen() {
    return status == Status.FROZEN;
  }

  final long sinceNanos() {
    return sinceNanos;
  }

  final void status(Status next, World w) {
    status = next;
    sinceNanos = w.now();
  }

  final void crashAfter(int effects) {
    crashAfter = effects;
  }

  final boolean crashing() {
    return crashAfter != SOUND;
  }

  /** Whether it dies before it does the next thing. */
  final boolean crashes(World w) {
    if (status == Status.DEAD) {
      return true;
    }
    if (crashAfter == SOUND) {
      return false;
    }
    if (crashAfter > 0) {
      crashAfter--;
      return false;
    }
    crashAfter = SOUND;
    w.kill(this);
    return true;
  }

  final void restart(int next, World w) {
    process = next;
    crashAfter = SOUND;
    status(Status.UP, w);
    restarted(w);
  }
}
