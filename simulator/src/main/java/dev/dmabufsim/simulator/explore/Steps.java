package dev.dmabufsim.simulator.explore;

import dev.dmabufsim.common.history.HistoryLine;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;

/**
 * What one action makes of a world, remembered: what a node does comes from the node, from what it
 * gets, from the memory if it looks at it, and from the time and what else {@link World.Rest} has.
 * Whether it has looked at anything else, {@link World} says; then it is played anew each time. So
 * the cores are asked once for each of their states and inputs, and not in every world that has
 * them.
 */
final class Steps {
  private static final int NO_MESSAGE = -1;

  /** A message, and the channel that it was sent through. */
  private record Posted(int channel, int message) {}

  /** A part of the memory, and what it is now. */
  private record Changed(int part, int number) {}

  /** What is known of an action of a node in a state. */
  private sealed interface Known {
    /** It has to be played. */
    record Never() implements Known {}

    /**
     * It comes to look at a part of the memory.
     *
     * @param part where the number of that stands
     */
    record Looks(int part) implements Known {}

    /** What comes of it. */
    record Effect(
        int node, List<Changed> memory, int rest, List<Posted> sent, List<Histories.Event> told)
        implements Known {}
  }

  private static final Known NEVER = new Known.Never();

  private final Folding folding;
  private final Numbers numbers;
  private final Histories histories;
  private final World view;
  private final World played;
  private final int nodes;

  private final List<Known> known = new ArrayList<>();

  // Where what is known stands: of an action of a node in a state, and then, as long as it looks at
  // one more part of the memory, of that and what the part is.
  private final Rows local = new Rows(7, 1);
  private final Rows looking = new Rows(2, 1);

  private final Rows heads = new Rows(2, 1);
  private final Rows clocks = new Rows(3, 1);
  private final Rows nets = new Rows(3, 1);

  private final int[] key = new int[7];
  private final int[] pair = new int[2];
  private final int[] triple = new int[3];
  private final Map<Action.Verb, Integer> verbs = new EnumMap<>(Action.Verb.class);

  private final List<HistoryLine> heard = new ArrayList<>();
  private long plays;

  /**
   * @param view shows the world whose step is asked for
   */
  Steps(Folding folding, Numbers numbers, Histories histories, World view) {
    this.folding = folding;
    this.numbers = numbers;
    this.histories = histories;
    this.view = view;
    this.played = view.copy(line -> {});
    this.nodes = view.nodes();
    for (Action.Verb verb : Action.Verb.values()) {
      verbs.put(verb, verbs.size());
    }
  }

  /**
   * Has an action happen in the world that the view shows.
   *
   * @param parts that world's; becomes the parts of what comes of it
   * @return its history
   */
  Histories.Told step(int[] parts, Histories.Told told, Action action) {
    if (action.verb().alone()) {
      return alone(parts, told, action, action.node(), w -> w.apply(action));
    }
    if (action.verb() == Action.Verb.TIME && later(parts)) {
      return told;
    }
    if (action.verb() == Action.Verb.END) {
      return end(parts, told);
    }
    return play(parts, told, w -> w.apply(action));
  }

  /** How many steps were played, and not remembered. */
  long plays() {
    return plays;
  }

  /** How many bytes of heap it may need at once for the next steps, at most so many. */
  long nextBytes(int more) {
    return local.nextBytes(more)
        + looking.nextBytes(more)
        + heads.nextBytes(more)
        + clocks.nextBytes(more)
        + nets.nextBytes(more);
  }

  /** The end is of everybody, but what each does is his own. */
  private Histories.Told end(int[] parts, Histories.Told told) {
    Histories.Told next =
        alone(parts, told, Action.of(Action.Verb.END), World.EXPORTER, World::beginEnd);
    for (int i = World.FIRST_IMPORTER; i < nodes; i++) {
      int importer = i;
      next = alone(parts, next, Action.of(Action.Verb.END, i), i, w -> w.endOf(importer));
    }
    return next;
  }

  /** Has a node do something alone. */
  private Histories.Told alone(
      int[] parts, Histories.Told told, Action action, int node, Consumer<World> doing) {
    int message = message(parts, action);
    key[0] = Objects.requireNonNull(verbs.get(action.verb()));
    key[1] = action.a();
    key[2] = action.b();
    key[3] = action.arg();
    key[4] = message;
    key[5] = parts[node];
    key[6] = parts[folding.restPart()];
    boolean first = local.add(key);
    int at = known(local, first);
    int looks = 0;
    while (!first && known.get(at) instanceof Known.Looks l) {
      first = looking.add(pair(at, parts[l.part()]));
      at = known(looking, first);
      looks++;
    }
    if (first) {
      return learn(parts, told, node, at, looks, doing);
    }
    return switch (known.get(at)) {
      case Known.Effect e -> happen(e, parts, told, action, node);
      case Known.Never n -> play(parts, told, doing);
      case Known.Looks l -> throw new IllegalStateException("it looks on: " + l);
    };
  }

  /** Where that stands which is known of the row that was looked for last. */
  private int known(Rows rows, boolean first) {
    if (first) {
      rows.column(rows.at(), 0, known.size());
      known.add(NEVER);
    }
    return rows.column(rows.at(), 0);
  }

  /** Time passes; false if that changes more than the clock. */
  private boolean later(int[] parts) {
    long then = view.next();
    if (!view.onlyLater(then)) {
      return false;
    }
    int rest = parts[folding.restPart()];
    if (clocks.add(triple(rest, (int) (then >>> Integer.SIZE), (int) then))) {
      clocks.column(clocks.at(), 0, numbers.of(folding.rest(rest).at(then)));
    }
    parts[folding.restPart()] = clocks.column(clocks.at(), 0);
    return true;
  }

  /** The message that an action is about, if it is. */
  private int message(int[] parts, Action action) {
    if (action.verb() != Action.Verb.DELIVER) {
      return NO_MESSAGE;
    }
    int net = parts[folding.netPart()];
    if (heads.add(pair(net, channel(action.a(), action.b())))) {
      Network.Sent head = folding.net(net).head(action.a(), action.b());
      heads.column(heads.at(), 0, numbers.of(Objects.requireNonNull(head, "no message")));
    }
    return heads.column(heads.at(), 0);
  }

  /** Has it happen as it did before. */
  private Histories.Told happen(
      Known.Effect effect, int[] parts, Histories.Told told, Action action, int node) {
    parts[node] = effect.node();
    for (Changed changed : effect.memory()) {
      parts[changed.part()] = changed.number();
    }
    parts[folding.restPart()] = effect.rest();
    int net = parts[folding.netPart()];
    if (action.verb() == Action.Verb.DELIVER) {
      net = net(net, channel(action.a(), action.b()), NO_MESSAGE);
    }
    for (Posted sent : effect.sent()) {
      net = net(net, sent.channel(), sent.message());
    }
    parts[folding.netPart()] = net;
    Histories.Told next = told;
    for (Histories.Event event : effect.told()) {
      next = histories.then(next, event, folding.rest(effect.rest()).now());
    }
    return next;
  }

  /** A network after a message was sent, or, if it is none, after the oldest was taken out. */
  private int net(int net, int channel, int message) {
    if (nets.add(triple(net, channel, message))) {
      int row = nets.at();
      Network next = folding.net(net).copy();
      if (message == NO_MESSAGE) {
        next.remove(channel / nodes, channel % nodes);
      } else {
        next.send(channel / nodes, channel % nodes, (Network.Sent) numbers.value(message));
      }
      nets.column(row, 0, folding.net(next));
      return nets.column(row, 0);
    }
    return nets.column(nets.at(), 0);
  }

  // Rows to look for: a new one for each of millions of steps would cost more than the looking.

  private int[] pair(int a, int b) {
    pair[0] = a;
    pair[1] = b;
    return pair;
  }

  private int[] triple(int a, int b, int c) {
    triple[0] = a;
    triple[1] = b;
    triple[2] = c;
    return triple;
  }

  private int channel(int from, int to) {
    return from * nodes + to;
  }

  /**
   * Plays it, and remembers what came of it if it can.
   *
   * @param from where it is to stand, if it looks at no more parts of the memory than so many
   */
  private Histories.Told learn(
      int[] parts, Histories.Told told, int node, int from, int looks, Consumer<World> doing) {
    int[] before = parts.clone();
    World w = played(parts, told, doing);
    boolean alone = !w.lookedBeyond() && nobodyElse(w, node);
    Histories.Told next = folded(w, parts, told);
    if (!alone) {
      // What it looks at may then be another part each time: nothing is known of it.
      return next;
    }
    List<SharedMemory.Part> all = w.memory().looks();
    int at = from;
    for (SharedMemory.Part looked : all.subList(looks, all.size())) {
      int part = folding.memoryPart(looked);
      known.set(at, new Known.Looks(part));
      at = known(looking, looking.add(pair(at, before[part])));
    }
    known.set(
        at,
        new Known.Effect(
            parts[node],
            all.stream()
                .map(folding::memoryPart)
                .filter(p -> parts[p] != before[p])
                .map(p -> new Changed(p, parts[p]))
                .toList(),
            parts[folding.restPart()],
            w.sendings().stream()
                .map(s -> new Posted(channel(s.from(), s.to()), numbers.of(s.sent())))
                .toList(),
            heard.stream().map(histories::event).toList()));
    return next;
  }

  private boolean nobodyElse(World w, int node) {
    for (int i = 0; i < nodes; i++) {
      if (i != node && w.changed(i)) {
        return false;
      }
    }
    return true;
  }

  private World played(int[] parts, Histories.Told told, Consumer<World> doing) {
    plays++;
    heard.clear();
    folding.show(parts, told, played);
    World w = played.copy(heard::add);
    w.watch();
    doing.accept(w);
    return w;
  }

  private Histories.Told play(int[] parts, Histories.Told told, Consumer<World> doing) {
    return folded(played(parts, told, doing), parts, told);
  }

  /** Finds the parts of a world in which a step was played. */
  private Histories.Told folded(World w, int[] parts, Histories.Told told) {
    for (SharedMemory.Part part : w.memory().looks()) {
      parts[folding.memoryPart(part)] = folding.memory(w, part);
    }
    for (int i = 0; i < nodes; i++) {
      if (w.changed(i)) {
        parts[i] = folding.node(w, i);
      }
    }
    parts[folding.netPart()] = folding.net(w.net());
    parts[folding.restPart()] = folding.rest(w);
    Histories.Told next = told;
    for (HistoryLine line : heard) {
      next = histories.then(next, line);
    }
    return next;
  }
}
