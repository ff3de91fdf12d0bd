package dev.dmabufsim.simulator.explore;

import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.history.HistoryLine;
import dev.dmabufsim.simulator.explore.Action.Verb;
import dev.dmabufsim.simulator.judge.Facts;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A cluster in one thread: nodes, the messages between them, the memory that they share, and a
 * clock that stands still until somebody lets time pass. It chooses nothing: {@link #enabled} says
 * what may happen next, {@link #apply} has one of those happen. The same plan and the same actions
 * make the same history, to the letter.
 */
final class World {
  /** The time of the line that tells of an event. */
  static final long THEN = 0;

  /** A time that does not come. */
  static final long NEVER = Long.MAX_VALUE;

  /** The exporter's node. */
  static final int EXPORTER = 0;

  /** The IOMMU's node. */
  static final int IOMMU = 1;

  /** The first importer's node. */
  static final int FIRST_IMPORTER = 2;

  private static final long IMPORTERS_LOOKS = 10;
  private static final long RESTART_NANOS = 250_000_000;
  private static final long ENDURE_NANOS = 250_000_000;
  private static final long PATIENCE_NANOS = 2_000_000_000;
  private static final int BUFFER_BITS = 16;
  private static final int MOST_CRASH_AFTER = 3;

  private final WorldPlan plan;
  private final List<String> names;
  private final Node[] nodes;

  /** Those of the nodes that are importers. */
  private final List<ImporterNode> importers;

  /** Nodes that no copy of this world shares, one bit each. */
  private int owned;

  private final SharedMemory memory;
  private Network net;

  /** Of each process ever, the node that it was. */
  private List<Integer> nodeOf = List.of();

  /** Of each process ever, when it died. */
  private List<Long> diedAt = List.of();

  private long now;
  private int faultsLeft;
  private boolean struck;
  private long scriptBy;
  private long healBy = NEVER;
  private long endBy = NEVER;
  private boolean ending;
  private long calmSince;

  /** Whether a node has looked at another one since {@link #watch}. */
  private boolean lookedBeyond;

  /** What was sent since {@link #watch}; null if nobody asks. */
  private @Nullable List<Sending> sendings;

  private Consumer<HistoryLine> history;
  private long[] lines;
  private long lastLine;

  /** Everybody is there, and nothing has happened. */
  World(WorldPlan plan, Consumer<HistoryLine> history) {
    this.plan = plan;
    this.history = history;
    int count = FIRST_IMPORTER + plan.importers().size();
    this.nodes = new Node[count];
    this.lines = new long[count + 1];
    this.net = new Network(count);
    this.memory = new SharedMemory();
    this.faultsLeft = plan.faults().isEmpty() ? 0 : plan.mostFaults();
    this.scriptBy = plan.times().begin();
    nodes[EXPORTER] = new ExporterNode(EXPORTER, EXPORTER, plan, IOMMU);
    nodes[IOMMU] = new IommuNode(IOMMU, IOMMU);
    for (int i = FIRST_IMPORTER; i < count; i++) {
      ImporterNode node =
          new ImporterNode(i, plan.importers().get(i - FIRST_IMPORTER), i, 0, EXPORTER);
      nodes[i] = node;
    }
    this.owned = -1;
    this.importers = importers(nodes);
    this.names = Arrays.stream(nodes).map(Node::name).toList();
    for (Node node : nodes) {
      nodeOf = Lists.plus(nodeOf, node.node());
      diedAt = Lists.plus(diedAt, NEVER);
      started(node);
    }
    exporter().export(this);
  }

  @SuppressWarnings("unchecked") // what stands there is one
  private static List<ImporterNode> importers(Node[] nodes) {
    List<?> all = Arrays.asList(nodes).subList(FIRST_IMPORTER, nodes.length);
    return Collections.unmodifiableList((List<ImporterNode>) all);
  }

  private World(World other) {
    this.plan = other.plan;
    this.history = other.history;
    this.names = other.names;
    // Whoever changes one first takes a copy of it.
    this.nodes = other.nodes.clone();
    other.owned = 0;
    this.importers = importers(nodes);
    this.memory = other.memory.copy();
    this.net = other.net.copy();
    this.nodeOf = other.nodeOf;
    this.diedAt = other.diedAt;
    this.now = other.now;
    this.faultsLeft = other.faultsLeft;
    this.struck = other.struck;
    this.scriptBy = other.scriptBy;
    this.healBy = other.healBy;
    this.endBy = other.endBy;
    this.ending = other.ending;
    this.calmSince = other.calmSince;
    this.lines = other.lines.clone();
    this.lastLine = other.lastLine;
  }

  /** The same world, which goes its own way from here on and tells its history to somebody else. */
  World copy(Consumer<HistoryLine> to) {
    World copy = new World(this);
    copy.history = to;
    return copy;
  }

  WorldPlan plan() {
    return plan;
  }

  List<String> names() {
    return names;
  }

  long now() {
    return now;
  }

  SharedMemory memory() {
    return memory;
  }

  Network net() {
    lookedBeyond = true;
    return net;
  }

  Node node(int index) {
    lookedBeyond = true;
    return nodes[index];
  }

  int nodes() {
    return nodes.length;
  }

  ExporterNode exporter() {
    lookedBeyond = true;
    return (ExporterNode) nodes[EXPORTER];
  }

  IommuNode iommu() {
    lookedBeyond = true;
    return (IommuNode) nodes[IOMMU];
  }

  List<ImporterNode> importers() {
    lookedBeyond = true;
    return importers;
  }

  /** How many processes there have been. */
  int processes() {
    return nodeOf.size();
  }

  /** Whether a process was that node. */
  boolean is(int process, int node) {
    return process >= 0 && process < nodeOf.size() && nodeOf.get(process) == node;
  }

  String nameOf(int process) {
    return names.get(nodeOf.get(process));
  }

  /** The device that an importer's process is of. */
  WorldPlan.Device deviceOf(int process) {
    return plan.importers().get(nodeOf(process) - FIRST_IMPORTER);
  }

  /** The node that a process is, or was. */
  int nodeOf(int process) {
    return nodeOf.get(process);
  }

  /** The process that a node is, or was last. */
  int processAt(int node) {
    return nodeOf.lastIndexOf(node);
  }

  /** Whether a process is dead. */
  boolean isDead(int process) {
    return diedAt.get(process) != NEVER;
  }

  /** The buffer that an exporter's process has. */
  static int bufferOf(int process) {
    return process << BUFFER_BITS;
  }

  /** The process that a buffer is of. */
  static int processOf(int buffer) {
    return buffer >>> BUFFER_BITS;
  }

  /** That much later, or never. */
  static long plus(long nanos, long more) {
    return more >= NEVER - nanos ? NEVER : nanos + more;
  }

  // What nodes do.

  void send(int from, int to, Packet packet, int process) {
    Network.Sent sent = new Network.Sent(packet, process, now + plan.times().message());
    if (sendings != null) {
      sendings.add(new Sending(from, to, sent));
    }
    net.send(from, to, sent);
  }

  /** The time of the next line of the history: later than the last, and not before now. */
  static long nextLine(long now, long last) {
    return Math.max(now, last + 1);
  }

  void record(int node, HistoryEvent event) {
    lastLine = nextLine(now, lastLine);
    String name = node < names.size() ? names.get(node) : "explorer";
    history.accept(HistoryLine.at(++lines[node], lastLine, name, at(event, lastLine)));
  }

  /** An event that happens when it is told of, told of then. */
  static HistoryEvent at(HistoryEvent event, long nanos) {
    if (event instanceof HistoryEvent.Late e) {
      return new HistoryEvent.Late(
          e.device(),
          e.attachment(),
          e.buffer(),
          e.generation(),
          e.late(),
          e.write(),
          e.offset(),
          nanos,
          e.count());
    }
    return event instanceof HistoryEvent.Probed e
        ? new HistoryEvent.Probed(
            e.device(), e.buffer(), e.epoch(), nanos, e.attempts(), e.enodev())
        : event;
  }

  private void recordFault(HistoryEvent event) {
    record(nodes.length, event);
  }

  private void started(Node node) {
    record(
        node.node(),
        new HistoryEvent.NodeStarted(
            node.name(), node.role(), node.process(), node.process(), node.process()));
  }

  /** A revoke has completed. */
  void completed() {
    scriptBy = now + plan.times().hold();
  }

  /** Nothing is asked of the exporter before {@link #begin}. */
  void prelude() {
    scriptBy = NEVER;
  }

  /** From now on it may be. */
  void begin() {
    scriptBy = now + plan.times().begin();
  }

  /** A process dies. */
  void kill(Node node) {
    strike("kill", List.of(node.name()));
    node.status(Node.Status.DEAD, this);
    node.died();
    diedAt = Lists.with(diedAt, node.process(), now);
  }

  private void strike(String kind, List<String> whom) {
    struck = true;
    recordFault(new HistoryEvent.FaultStruck(kind + ": " + String.join(", ", whom), kind, whom));
  }

  private void over(String kind, List<String> whom) {
    calmSince = now;
    recordFault(new HistoryEvent.FaultOver(kind + ": " + String.join(", ", whom), kind, whom));
    for (int i = FIRST_IMPORTER; i < nodes.length; i++) {
      ownImporter(i).check();
    }
  }

  // What may happen.

  /** Whether nothing more is to come. */
  boolean over() {
    return now > plan.times().most()
        || now > endBy
        || (ending
            && haveEnded()
            && quiet()
            && deathsAreKnown()
            && (!exporter().up()
                || (!exporter().state().waiting() && exporter().knows(iommu().deaths())))
            && !iommu().busy());
  }

  private boolean haveEnded() {
    for (int i = FIRST_IMPORTER; i < nodes.length; i++) {
      ImporterNode its = importer(i);
      if (!its.ended() || its.engine().busy()) {
        return false;
      }
    }
    return true;
  }

  private boolean deathsAreKnown() {
    for (int p = 0; p < diedAt.size(); p++) {
      if (diedAt.get(p) != NEVER && iommu().up() && !iommu().knows(p)) {
        return false;
      }
    }
    return true;
  }

  private boolean quiet() {
    return net.empty();
  }

  /** Adds everything that may happen next, always in the same order. */
  void enabled(List<Action> out) {
    if (over()) {
      return;
    }
    for (int channel : net.busy()) {
      int to = channel % nodes.length;
      if (!nodes[to].frozen()) {
        out.add(Action.of(Verb.DELIVER, channel / nodes.length, to));
      }
    }
    if (exporter().up()) {
      if (exporter().flagged()) {
        out.add(Action.of(Verb.FLAG));
      }
      if (exporter().talksToItself()) {
        out.add(Action.of(Verb.SELF));
      }
    }
    for (int n = FIRST_IMPORTER; n < nodes.length; n++) {
      ImporterNode i = importer(n);
      if (i.up()) {
        if (i.engine().busy()) {
          out.add(Action.of(Verb.ENGINE, i.node()));
        }
        if (i.engine().speaks()) {
          out.add(Action.of(Verb.HEAR, i.node()));
        }
        i.engine().begins(i.node(), this, out);
      }
    }
    for (Node node : nodes) {
      if (node.up() && node.dueNanos() <= now) {
        out.add(Action.of(Verb.TIMER, node.node()));
      }
    }
    notices(out);
    script(out);
    recoveries(out);
    if (faultsLeft > 0 && !ending) {
      faults(out);
    }
    long next = next();
    if (next != NEVER && next > now) {
      out.add(Action.of(Verb.TIME));
    }
  }

  private void notices(List<Action> out) {
    for (int p = 0; p < diedAt.size(); p++) {
      if (diedAt.get(p) == NEVER) {
        continue;
      }
      if (iommu().up() && !iommu().knows(p)) {
        out.add(Action.of(Verb.NOTICE, IOMMU, p));
      }
      for (int n = FIRST_IMPORTER; n < nodes.length; n++) {
        ImporterNode i = importer(n);
        if (i.looksAt(p)) {
          out.add(Action.of(Verb.NOTICE, i.node(), p));
        }
      }
    }
  }

  private boolean mayEnd() {
    if (ending || healBy != NEVER) {
      return false;
    }
    ExporterNode x = exporter();
    if (!x.dead() && (!x.up() || !x.finished())) {
      return false;
    }
    for (Node node : nodes) {
      if (node.frozen()) {
        return false;
      }
    }
    for (int n = FIRST_IMPORTER; n < nodes.length; n++) {
      ImporterNode i = importer(n);
      boolean stillThere = x.dead() && i.up() && i.exporter() == x.process();
      // As a run does: when the faults are over, it waits until whoever can does DMA again.
      if (stillThere || i.recovers(this)) {
        return false;
      }
    }
    return true;
  }

  private void script(List<Action> out) {
    if (exporter().up() && !ending) {
      if (exporter().revocable()) {
        out.add(Action.of(Verb.REVOKE));
      }
      if (exporter().restorable()) {
        out.add(Action.of(Verb.RESTORE));
      }
    }
    if (mayEnd()) {
      out.add(Action.of(Verb.END));
    }
  }

  private boolean scripted() {
    return (exporter().up() && !ending && (exporter().revocable() || exporter().toBeRestored()))
        || mayEnd();
  }

  private boolean restarts() {
    return !ending && plan.faults().contains(FaultKind.RESTART);
  }

  private void recoveries(List<Action> out) {
    for (Node node : nodes) {
      if (node.frozen()) {
        out.add(Action.of(Verb.RESUME, node.node()));
      }
      if (node.dead() && restarts()) {
        out.add(Action.of(Verb.RESTART, node.node()));
      }
    }
    for (int a = 0; a < nodes.length && healBy != NEVER; a++) {
      for (int b = a + 1; b < nodes.length; b++) {
        if (net.cut(a, b)) {
          out.add(Action.of(Verb.HEAL, a, b));
        }
      }
    }
  }

  private void faults(List<Action> out) {
    Set<FaultKind> kinds = plan.faults();
    for (Node node : nodes) {
      if (!node.up() || node.crashing()) {
        continue;
      }
      if (kinds.contains(FaultKind.KILL)) {
        out.add(Action.of(Verb.KILL, node.node()));
      }
      if (kinds.contains(FaultKind.CRASH)) {
        for (int after = 1; after <= MOST_CRASH_AFTER; after++) {
          out.add(new Action(Verb.CRASH, node.node(), 0, after));
        }
      }
      if (kinds.contains(FaultKind.FREEZE)) {
        out.add(Action.of(Verb.FREEZE, node.node()));
      }
    }
    for (int a = 0; a < nodes.length; a++) {
      for (int b = 0; b < nodes.length; b++) {
        Network.Sent head = net.head(a, b);
        if (head != null && !head.packet().sure()) {
          if (kinds.contains(FaultKind.LOSE)) {
            out.add(Action.of(Verb.LOSE, a, b));
          }
          if (kinds.contains(FaultKind.DUPLICATE)) {
            out.add(Action.of(Verb.DUPLICATE, a, b));
          }
          if (kinds.contains(FaultKind.REORDER) && net.channel(a, b).size() > 1) {
            out.add(Action.of(Verb.REORDER, a, b));
          }
          if (kinds.contains(FaultKind.DELAY)) {
            out.add(Action.of(Verb.DELAY, a, b));
          }
        }
        if (kinds.contains(FaultKind.PARTITION) && a == EXPORTER && b > a && healBy == NEVER) {
          out.add(Action.of(Verb.PARTITION, a, b));
        }
      }
    }
  }

  /** When the next thing is due, which may be now. */
  long next() {
    long next = healBy;
    for (Node node : nodes) {
      if (node.up()) {
        next = Math.min(next, node.dueNanos());
      } else if (node.frozen()) {
        next = Math.min(next, node.sinceNanos() + ENDURE_NANOS);
      } else if (node.node() == IOMMU && restarts()) {
        next = Math.min(next, node.sinceNanos() + RESTART_NANOS);
      }
    }
    if (exporter().up() && (exporter().flagged() || exporter().talksToItself())) {
      return now;
    }
    for (int n = FIRST_IMPORTER; n < nodes.length; n++) {
      ImporterNode i = importer(n);
      if (i.up()) {
        next = Math.min(next, i.checkedAndIdle() ? now : i.engine().byNanos());
      }
    }
    for (int channel : net.busy()) {
      int to = channel % nodes.length;
      if (!nodes[to].frozen()) {
        next = Math.min(next, net.channel(channel / nodes.length, to).getFirst().byNanos());
      }
    }
    for (int p = 0; p < diedAt.size(); p++) {
      long died = diedAt.get(p);
      if (died != NEVER) {
        if (iommu().up() && !iommu().knows(p)) {
          next = Math.min(next, died + plan.times().look());
        }
        for (int n = FIRST_IMPORTER; n < nodes.length; n++) {
          if (importer(n).looksAt(p)) {
            next = Math.min(next, died + IMPORTERS_LOOKS * plan.times().look());
          }
        }
      }
    }
    return scripted() ? Math.min(next, scriptBy) : next;
  }

  // What happens.

  /** Whether an action may happen now. */
  boolean allows(Action action) {
    List<Action> out = new ArrayList<>();
    enabled(out);
    return out.contains(action);
  }

  /** Has it happen. It must be enabled. */
  void apply(Action action) {
    if (!action.verb().alone()) {
      lookedBeyond = true;
    }
    if (action.verb().fault()) {
      faultsLeft--;
    }
    switch (action.verb()) {
      case DELIVER -> deliver(action.a(), action.b());
      case DMA -> {
        ImporterNode i = ownImporter(action.a());
        i.engine().begin(action.b(), action.arg() == 1, this);
      }
      case ENGINE -> ownImporter(action.a()).engine().step(this);
      case HEAR -> ownImporter(action.a()).hear(this);
      case TIMER -> own(action.a()).timer(this);
      case FLAG -> ((ExporterNode) own(EXPORTER)).flag();
      case SELF -> ((ExporterNode) own(EXPORTER)).self(this);
      case NOTICE -> {
        Node node = own(action.a());
        if (node instanceof ImporterNode i) {
          i.noticed(action.b(), this);
        } else {
          ((IommuNode) node).noticed(action.b(), this);
        }
      }
      case TIME -> {
        now = next();
        for (int i = FIRST_IMPORTER; i < nodes.length; i++) {
          if (importer(i).expires(now)) {
            ownImporter(i).expire(this);
          }
        }
      }
      case REVOKE -> {
        scriptBy = now + plan.times().hold();
        ((ExporterNode) own(EXPORTER)).revoke(this);
      }
      case RESTORE -> {
        ((ExporterNode) own(EXPORTER)).restore();
        scriptBy = now + plan.times().hold();
      }
      case END -> end();
      case KILL, CRASH, FREEZE, LOSE, DUPLICATE, REORDER, DELAY, PARTITION -> fault(action);
      case RESUME -> {
        Node node = own(action.a());
        node.status(Node.Status.UP, this);
        if (node instanceof ImporterNode i) {
          i.engine().thaw(this);
        }
        over("pause", List.of(node.name()));
      }
      case RESTART -> restart(own(action.a()));
      case HEAL -> {
        net.cut(action.a(), action.b(), false);
        healBy = NEVER;
        over("partition", List.of(names.get(action.a()), names.get(action.b())));
      }
    }
  }

  /** A node that may change now, and no copy's. */
  private Node own(int node) {
    if ((owned & 1 << node) == 0) {
      nodes[node] = nodes[node].copy();
      owned |= 1 << node;
    }
    nodes[node].unfold();
    return nodes[node];
  }

  private ImporterNode importer(int node) {
    return (ImporterNode) nodes[node];
  }

  private ImporterNode ownImporter(int node) {
    return (ImporterNode) own(node);
  }

  private void deliver(int from, int to) {
    Network.Sent sent = net.remove(from, to);
    Node node = nodes[to];
    if (node.up() && node.process() == sent.to()) {
      own(to).receive(sent.packet(), this);
    }
  }

  private void end() {
    beginEnd();
    for (int i = FIRST_IMPORTER; i < nodes.length; i++) {
      endOf(i);
    }
  }

  /** What {@link Verb#END} does first. */
  void beginEnd() {
    ending = true;
    endBy = now + plan.times().limit();
  }

  /** What it does with each importer, one after the other. */
  void endOf(int node) {
    if (importer(node).up()) {
      ownImporter(node).end(this);
    }
  }

  private void restart(Node node) {
    int process = nodeOf.size();
    nodeOf = Lists.plus(nodeOf, node.node());
    diedAt = Lists.plus(diedAt, NEVER);
    // Before anything that the process writes down itself.
    lastLine = nextLine(now, lastLine);
    lines[node.node()] = 0;
    record(
        node.node(),
        new HistoryEvent.NodeStarted(node.name(), node.role(), process, process, process));
    node.restart(process, this);
    scriptBy = Math.max(scriptBy, now + plan.times().hold());
    over("restart", List.of(node.name()));
  }

  private void fault(Action action) {
    int a = action.a();
    int b = action.b();
    switch (action.verb()) {
      case KILL -> kill(own(a));
      case CRASH -> own(a).crashAfter(action.arg());
      case FREEZE -> {
        Node node = own(a);
        strike("pause", List.of(node.name()));
        node.status(Node.Status.FROZEN, this);
      }
      case LOSE -> {
        message("drop", a, b);
        net.remove(a, b);
      }
      case DUPLICATE -> {
        message("duplicate", a, b);
        net.channel(a, b, Lists.plus(net.channel(a, b), net.channel(a, b).getFirst()));
      }
      case REORDER -> {
        message("reorder", a, b);
        List<Network.Sent> channel = net.channel(a, b);
        List<Network.Sent> swapped = Lists.with(channel, 0, channel.get(1));
        net.channel(a, b, Lists.with(swapped, 1, channel.get(0)));
      }
      case DELAY -> {
        message("delay", a, b);
        net.channel(
            a,
            b,
            net.channel(a, b).stream()
                .map(s ->
                    new Network.Sent(s.packet(), s.to(), Math.max(s.byNanos(), now + ENDURE_NANOS)))
                .toList());
      }
      case PARTITION -> {
        strike("partition", List.of(names.get(a), names.get(b)));
        net.cut(a, b, true);
        healBy = now + ENDURE_NANOS;
        lose(a, b);
        lose(b, a);
      }
      default -> throw new IllegalArgumentException("no fault: " + action);
    }
  }

  private void lose(int from, int to) {
    net.channel(from, to, net.channel(from, to).stream().filter(s -> s.packet().sure()).toList());
  }

  private void message(String kind, int a, int b) {
    List<String> whom = List.of(names.get(a), names.get(b));
    strike(kind, whom);
    over(kind, whom);
  }

  /**
   * Ends it: what there is left is written down, and what is known besides the history is given.
   *
   * @param cut whether it is broken off, so that it says nothing of what is left
   */
  Facts finish(boolean cut) {
    boolean honest =
        importers.stream().allMatch(i -> i.dead() || (i.device().honest() && i.ended()));
    boolean inOrder =
        !cut && ending && honest && iommu().up() && !exporter().frozen() && over() && now <= endBy;
    if (inOrder) {
      importers.stream().filter(Node::up).forEach(i -> i.stopped(this));
    }
    if (exporter().up()) {
      own(EXPORTER);
      exporter().finish(inOrder, this);
    }
    if (inOrder) {
      record(IOMMU, new HistoryEvent.IommuStopped(iommu().slots()));
    }
    List<String> stuck = cut || !honest(this) ? List.of() : stuck();
    Map<String, String> nodeNames = new TreeMap<>();
    Set<String> bound = new TreeSet<>();
    for (ImporterNode i : importers) {
      nodeNames.put(i.name(), i.name());
      if (i.device().honest()) {
        bound.add(i.name());
      }
    }
    return new Facts(
        plan.boundNanos() / 1000,
        Optional.empty(),
        0,
        stuck,
        List.of(),
        bound,
        Set.of(),
        inOrder,
        List.of(),
        nodeNames,
        !cut);
  }

  private static boolean honest(World w) {
    return w.plan.contract().enforced()
        && w.importers.stream().allMatch(i -> i.device().honest())
        && w.exporter().up()
        && w.iommu().up()
        && Arrays.stream(w.nodes).noneMatch(Node::frozen)
        && w.healBy == NEVER;
  }

  /** Who cannot come to an end, or to a new beginning, though nothing is in his way for so long. */
  private List<String> stuck() {
    List<String> stuck = new ArrayList<>();
    boolean tried = now > plan.times().most() && now - calmSince > PATIENCE_NANOS;
    for (ImporterNode i : importers) {
      if (i.up() && now > endBy && !i.ended()) {
        stuck.add(i.name() + " could not give everything back: " + i.state().phase());
      } else if (i.up() && tried && i.recovers(this)) {
        stuck.add(i.name() + " did no DMA any more: " + i.state().phase());
      }
    }
    return stuck;
  }

  /** Whether a fault has struck. */
  boolean struck() {
    return struck;
  }

  // For a visit of every state.

  /** What of a world is no node's, no message's and not in memory. */
  record Rest(
      long now,
      int faultsLeft,
      boolean struck,
      long scriptBy,
      long healBy,
      long endBy,
      boolean ending,
      long calmSince,
      List<Integer> nodeOf,
      List<Long> diedAt) {
    Rest at(long then) {
      return new Rest(
          then, faultsLeft, struck, scriptBy, healBy, endBy, ending, calmSince, nodeOf, diedAt);
    }
  }

  /** A message that somebody tried to send. */
  record Sending(int from, int to, Network.Sent sent) {}

  Rest rest() {
    return new Rest(
        now, faultsLeft, struck, scriptBy, healBy, endBy, ending, calmSince, nodeOf, diedAt);
  }

  /**
   * Becomes another world of the same plan but for its memory, to be looked at or copied only: it
   * shares all of these with others.
   *
   * @param written how many lines each node has written
   * @param last when the last line of the history was
   */
  void become(Node[] others, Network messages, Rest rest, long[] written, long last) {
    System.arraycopy(others, 0, nodes, 0, nodes.length);
    owned = 0;
    net = messages;
    now = rest.now();
    faultsLeft = rest.faultsLeft();
    struck = rest.struck();
    scriptBy = rest.scriptBy();
    healBy = rest.healBy();
    endBy = rest.endBy();
    ending = rest.ending();
    calmSince = rest.calmSince();
    nodeOf = rest.nodeOf();
    diedAt = rest.diedAt();
    lines = written;
    lastLine = last;
  }

  /** Whether nothing but the clock changes when it becomes so late. */
  boolean onlyLater(long then) {
    for (int i = FIRST_IMPORTER; i < nodes.length; i++) {
      if (importer(i).expires(then)) {
        return false;
      }
    }
    return true;
  }

  /** From here on it is known what a step looks at and sends. */
  void watch() {
    owned = 0;
    memory.watch();
    lookedBeyond = false;
    sendings = new ArrayList<>();
  }

  /** Whether a step has looked at more than a node, the memory and the rest. */
  boolean lookedBeyond() {
    return lookedBeyond;
  }

  /** What a step has sent. */
  List<Sending> sendings() {
    return Objects.requireNonNull(sendings, "nobody watches");
  }

  /** Whether a node may have changed. */
  boolean changed(int node) {
    return (owned & 1 << node) != 0;
  }
}
