package dev.dmabufsim.simulator.explore;

import dev.dmabufsim.common.contract.LateAccess;
import dev.dmabufsim.common.fabric.Canary;
import dev.dmabufsim.common.fabric.ControlDescriptor;
import dev.dmabufsim.common.fabric.SegmentDescriptor;
import dev.dmabufsim.common.fabric.SlotMapping;
import dev.dmabufsim.common.fault.Planted;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.SgTable;
import dev.dmabufsim.simulator.explore.SharedMemory.Segment;
import dev.dmabufsim.simulator.explore.SharedMemory.Slot;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The hardware of an importer, in steps between which everything else may happen: publish that it
 * is in flight, read the permission and whose the memory is, one grain, the other grain, leave.
 * What {@code dev.dmabufsim.importer.DmaEngine} and {@code dev.dmabufsim.common.fabric.Guard} do in
 * a thread of their own.
 */
final class Engine {
  /** How a mapping is used. */
  enum Use {
    LIVE,
    FENCED,
    ROGUE
  }

  /**
   * A mapping that the engine uses, or used.
   *
   * @param writes whether it writes though it is fenced
   * @param discards whether it reads and throws away though it is fenced
   * @param cached whether its IOTLB has the translation
   * @param told which classes of late accesses were told of
   */
  record Target(
      SgTable table,
      int buffer,
      Use use,
      boolean writes,
      boolean discards,
      boolean failed,
      boolean cached,
      long translationUntil,
      long addressUntil,
      Set<LateAccess> told) {
    static Target of(SgTable table, int buffer) {
      return new Target(table, buffer, Use.LIVE, false, false, false, false, 0, 0, Set.of());
    }

    Target fenced(boolean nextWrites, boolean nextDiscards) {
      return new Target(
          table, buffer, Use.FENCED, nextWrites, nextDiscards, failed, cached, 0, 0, told);
    }

    Target rogue(long translation, long address) {
      return new Target(
          table, buffer, Use.ROGUE, false, false, false, cached, translation, address, told);
    }

    Target failing() {
      return new Target(
          table, buffer, use, writes, discards, true, cached, translationUntil, addressUntil, told);
    }

    Target cached(boolean next) {
      return new Target(
          table, buffer, use, writes, discards, failed, next, translationUntil, addressUntil, told);
    }

    Target told(LateAccess late) {
      Set<LateAccess> more = EnumSet.of(late);
      more.addAll(told);
      return new Target(
          table,
          buffer,
          use,
          writes,
          discards,
          failed,
          cached,
          translationUntil,
          addressUntil,
          EnumSet.copyOf(more));
    }

    boolean toldOf(LateAccess late) {
      return told.contains(late);
    }
  }

  /** Where in a DMA it is. */
  enum Stage {
    /** A guard that is wrong has read the permission, and publishes next. */
    READ_FIRST,
    /** In flight; the permission is to be read. */
    PUBLISHED,
    /** The first grain is next. */
    GRANTED,
    /** The second grain is next. */
    COPYING,
    /** Both are done. */
    LEAVING
  }

  /**
   * A DMA under way.
   *
   * @param owner whose the memory was when it began
   * @param leaked words read that were another's
   * @param old whether it had begun before somebody asked whether DMA is done
   */
  record Dma(
      Target target,
      boolean write,
      boolean checked,
      Stage stage,
      long owner,
      int leaked,
      boolean old) {
    Dma stage(Stage next) {
      return new Dma(target, write, checked, next, owner, leaked, old);
    }

    Dma owner(long next) {
      return new Dma(target, write, checked, Stage.GRANTED, next, leaked, old);
    }

    Dma leaked(int words) {
      return new Dma(target, write, checked, stage, owner, leaked + words, old);
    }

    Dma older() {
      return new Dma(target, write, checked, stage, owner, leaked, true);
    }
  }

  /** What the driver wants. */
  sealed interface Command {
    record Start(SgTable table, int buffer) implements Command {}

    record Stop(int attachment, boolean discardedReads, boolean writes) implements Command {}

    record Release(int attachment, long oldTranslationNanos, long oldAddressNanos)
        implements Command {}

    record Probe(SgTable stale, int buffer, long epoch) implements Command {}
  }

  /** What the engine says. */
  record Says(What what, int attachment) {
    enum What {
      STOPPED,
      RELEASED,
      FAILED
    }
  }

  private static final int MOST_TARGETS = 4;

  private final ImporterNode its;
  private List<Target> targets = List.of();
  private List<Command> commands = List.of();
  private List<Says> says = List.of();
  private @Nullable Dma dma;

  /** By when it takes its next step, if it has one to take. */
  private long byNanos = World.NEVER;

  /** By when its driver hears what it said, if it said something. */
  private long heardBy = World.NEVER;

  Engine(ImporterNode its) {
    this.its = its;
  }

  Engine copy(ImporterNode owner) {
    Engine copy = new Engine(owner);
    copy.targets = targets;
    copy.commands = commands;
    copy.says = says;
    copy.dma = dma;
    copy.byNanos = byNanos;
    copy.heardBy = heardBy;
    return copy;
  }

  int number(Numbers n) {
    int[] its = {n.of(targets), n.of(commands), n.of(says)};
    targets = n.first(targets, its[0]);
    commands = n.first(commands, its[1]);
    says = n.first(says, its[2]);
    int doing = dma == null ? -1 : n.of(dma);
    return n.of(its[0], its[1], its[2], doing, byNanos, heardBy);
  }

  void clear() {
    targets = List.of();
    commands = List.of();
    says = List.of();
    dma = null;
    byNanos = World.NEVER;
    heardBy = World.NEVER;
  }

  void send(Command command, World w) {
    commands = Lists.plus(commands, command);
    hurry(w);
  }

  boolean busy() {
    return dma != null || !commands.isEmpty();
  }

  /** What it does next, in words. */
  String nextStep() {
    Dma d = dma;
    if (d == null) {
      return switch (commands.getFirst()) {
        case Command.Start c -> "the engine is told to begin";
        case Command.Stop c -> "the engine is told to stop";
        case Command.Release c -> "the engine is told to give the mapping up";
        case Command.Probe c -> "the engine tries the old address";
      };
    }
    String what = d.write() ? "write" : "read";
    return switch (d.stage()) {
      case READ_FIRST -> "the engine publishes that it is in flight";
      case PUBLISHED -> "the engine is in flight and asks for permission";
      case GRANTED -> "the engine does the first half of the " + what;
      case COPYING -> "the engine does the second half of the " + what;
      case LEAVING -> "the engine ends the " + what;
    };
  }

  /** A DMA that is under way shows nothing of what is possible from now on. */
  void forgetDma() {
    dma = dma == null ? null : dma.older();
  }

  /** Whether it can begin an ordinary DMA now. */
  boolean ready() {
    if (busy()) {
      return false;
    }
    for (int i = 0; i < targets.size(); i++) {
      Target t = targets.get(i);
      if (t.use() == Use.LIVE && !t.failed()) {
        return true;
      }
    }
    return false;
  }

  boolean speaks() {
    return !says.isEmpty();
  }

  long byNanos() {
    return Math.min(byNanos, heardBy);
  }

  Says hear(World w) {
    Says first = says.getFirst();
    says = Lists.tail(says);
    heardBy = speaks() ? w.now() + w.plan().times().step() : World.NEVER;
    return first;
  }

  private void say(Says.What what, int attachment, World w) {
    says = Lists.plus(says, new Says(what, attachment));
    heardBy = Math.min(heardBy, w.now() + w.plan().times().step());
  }

  private void hurry(World w) {
    byNanos = busy() ? w.now() + w.plan().times().step() : World.NEVER;
  }

  /** It was frozen: its time begins anew. */
  void thaw(World w) {
    heardBy = speaks() ? w.now() + w.plan().times().step() : World.NEVER;
    hurry(w);
  }

  /** Adds what it may begin. */
  void begins(int node, World w, List<Action> enabled) {
    if (busy()) {
      return;
    }
    boolean canWrite = its.device().driver().writes();
    for (int i = 0; i < targets.size(); i++) {
      Target t = targets.get(i);
      boolean writes =
          canWrite
              && switch (t.use()) {
                case LIVE -> true;
                case FENCED -> t.writes();
                case ROGUE -> goesOn(t, w.now());
              };
      boolean reads =
          switch (t.use()) {
            case LIVE -> w.plan().reads() || !canWrite;
            case FENCED -> t.discards();
            case ROGUE -> goesOn(t, w.now()) && (w.plan().reads() || !canWrite);
          };
      if (!t.failed() && writes) {
        enabled.add(new Action(Action.Verb.DMA, node, i, 1));
      }
      if (!t.failed() && reads) {
        enabled.add(new Action(Action.Verb.DMA, node, i, 0));
      }
    }
  }

  private static boolean goesOn(Target t, long now) {
    return now < t.translationUntil() || now < t.addressUntil();
  }

  /** Begins a DMA. */
  void begin(int index, boolean write, World w) {
    Target t = targets.get(index);
    boolean byAddress = t.use() == Use.ROGUE && w.now() >= t.translationUntil();
    if (byAddress && t.table().translated() && walk(t.table(), w) == null) {
      fault(index, write, w);
      return;
    }
    if (!t.cached()) {
      if (walk(t.table(), w) == null) {
        fault(index, false, w);
        fail(index, "no translation", w);
        return;
      }
      Segment segment = w.memory().segment(t.table().segment());
      if (segment == null || segment.severed()) {
        late(index, LateAccess.AER, false, w);
        fail(index, "aborted", w);
        return;
      }
      t = t.cached(true);
      targets = Lists.with(targets, index, t);
    }
    boolean checked =
        t.table().translated() && !its.ats() && !(byAddress && !t.table().translated());
    Dma begun = new Dma(t, write, checked, Stage.PUBLISHED, 0, 0, false);
    if (!checked) {
      dma = begun.owner(owner(t, w));
    } else if (Planted.GUARD_READS_FIRST.planted()) {
      if (granted(t, w)) {
        dma = begun.stage(Stage.READ_FIRST).owner(owner(t, w)).stage(Stage.READ_FIRST);
      } else {
        refused(index, write, w);
      }
    } else {
      w.memory().inFlight(t.table().slot(), true);
      dma = begun;
    }
    hurry(w);
  }

  /** Goes on with a DMA, or does what the driver wants. */
  void step(World w) {
    Dma d = dma;
    if (d == null) {
      Command command = commands.getFirst();
      commands = Lists.tail(commands);
      obey(command, w);
      hurry(w);
      return;
    }
    int slot = d.target().table().slot();
    switch (d.stage()) {
      case READ_FIRST -> {
        w.memory().inFlight(slot, true);
        dma = d.stage(Stage.GRANTED);
      }
      case PUBLISHED -> {
        if (granted(d.target(), w)) {
          dma = d.owner(owner(d.target(), w));
        } else {
          w.memory().inFlight(slot, false);
          dma = null;
          refused(indexOf(d.target()), d.write(), w);
        }
      }
      case GRANTED -> dma = copy(d, 0, w);
      case COPYING -> dma = copy(d, 1, w);
      case LEAVING -> {
        if (d.checked()) {
          w.memory().inFlight(slot, false);
        }
        dma = null;
        done(d, w);
      }
    }
    hurry(w);
  }

  private static boolean granted(Target t, World w) {
    Slot slot = w.memory().slot(t.table().slot());
    return slot != null
        && slot.grant()
            == ControlDescriptor.grant(
                t.table().generation(), ControlDescriptor.PERMISSION_READ_WRITE);
  }

  private static long owner(Target t, World w) {
    Segment s = w.memory().segment(t.table().segment());
    return s == null ? SegmentDescriptor.OWNER_NOBODY : s.owner();
  }

  private @Nullable Dma copy(Dma d, int grain, World w) {
    SgTable table = d.target().table();
    Segment s = w.memory().segment(table.segment());
    if (s == null || s.severed()) {
      if (d.checked()) {
        w.memory().inFlight(table.slot(), false);
      }
      int index = indexOf(d.target());
      late(index, LateAccess.AER, d.write(), w);
      if (index >= 0 && targets.get(index).use() != Use.FENCED) {
        fail(index, "aborted", w);
      }
      return null;
    }
    if (d.owner() == SegmentDescriptor.OWNER_UNREACHABLE) {
      return d.stage(Stage.LEAVING);
    }
    Dma next = d;
    if (d.write()) {
      w.memory()
          .put(
              s.grain(
                  grain,
                  Canary.word0(Canary.TAG_DEVICE, table.content()),
                  Canary.word1(table.attachment(), 0)));
    } else if (d.target().use() != Use.FENCED) {
      next =
          d.leaked(
              Canary.leakedWords(new long[] {s.word0(grain), s.word1(grain)}, 2, table.content())
                      > 0
                  ? 2
                  : 0);
    }
    return next.stage(grain == 0 ? Stage.COPYING : Stage.LEAVING);
  }

  private void done(Dma d, World w) {
    int index = indexOf(d.target());
    if (d.owner() == SegmentDescriptor.OWNER_UNREACHABLE) {
      late(index, LateAccess.AER, d.write(), w);
      if (index >= 0) {
        fail(index, "aborted", w);
      }
      return;
    }
    if (d.owner() != d.target().table().generation()) {
      LateAccess reached =
          d.owner() == SegmentDescriptor.OWNER_NOBODY ? LateAccess.NIRVANA : LateAccess.UAF;
      late(index, reached, d.write(), w);
    }
    if (d.leaked() > 0) {
      SgTable table = d.target().table();
      w.record(
          its.node(),
          new HistoryEvent.Leaked(
              its.device().name(),
              table.attachment(),
              d.target().buffer(),
              table.generation(),
              d.leaked()));
    }
    if (index >= 0 && d.target().use() == Use.LIVE && !d.old()) {
      its.didDma(w);
    }
  }

  private int indexOf(Target t) {
    for (int i = 0; i < targets.size(); i++) {
      if (targets.get(i).table().equals(t.table())) {
        return i;
      }
    }
    return -1;
  }

  private void refused(int index, boolean write, World w) {
    fault(index, write, w);
    if (index >= 0 && targets.get(index).use() == Use.LIVE) {
      fail(index, "iommu-fault", w);
    }
  }

  /** The IOMMU refused an access: a late one, if the memory is not the device's any more. */
  private void fault(int index, boolean write, World w) {
    if (index >= 0) {
      SgTable table = targets.get(index).table();
      Segment s = w.memory().segment(table.segment());
      if (s == null || s.severed() || s.owner() != table.generation()) {
        late(index, LateAccess.IOMMU_FAULT, write, w);
      }
    }
  }

  private void late(int index, LateAccess late, boolean write, World w) {
    if (index < 0) {
      return;
    }
    Target t = targets.get(index);
    if (t.toldOf(late)) {
      return;
    }
    targets = Lists.with(targets, index, t.told(late));
    w.record(
        its.node(),
        new HistoryEvent.Late(
            its.device().name(),
            t.table().attachment(),
            t.buffer(),
            t.table().generation(),
            late,
            write,
            0,
            World.THEN,
            1));
  }

  private void fail(int index, String how, World w) {
    Target t = targets.get(index);
    targets = Lists.with(targets, index, t.failing());
    if (t.use() == Use.LIVE) {
      w.record(
          its.node(),
          new HistoryEvent.Refused(
              its.device().name(),
              t.table().attachment(),
              t.buffer(),
              t.table().generation(),
              how));
      say(Says.What.FAILED, t.table().attachment(), w);
    }
  }

  private void obey(Command command, World w) {
    switch (command) {
      case Command.Start c -> {
        targets =
            targets.stream()
                .filter(t -> t.table().attachment() != c.table().attachment() || !given(t))
                .toList();
        targets = Lists.plus(targets, Target.of(c.table(), c.buffer()));
        if (targets.size() > MOST_TARGETS) {
          targets = Lists.tail(targets);
        }
      }
      case Command.Stop c -> {
        int index = inUse(c.attachment());
        if (index >= 0) {
          Target t = targets.get(index);
          targets =
              Lists.with(
                  targets,
                  index,
                  t.fenced(c.writes() && its.device().driver().writes(), c.discardedReads()));
        }
        say(Says.What.STOPPED, c.attachment(), w);
      }
      case Command.Release c -> {
        release(c, w);
        say(Says.What.RELEASED, c.attachment(), w);
      }
      case Command.Probe c -> {
        SgTable stale = c.stale();
        Segment s = w.memory().segment(stale.segment());
        boolean reached = walk(stale, w) != null && s != null && !s.severed();
        w.record(
            its.node(),
            new HistoryEvent.Probed(
                its.device().name(), c.buffer(), c.epoch(), World.THEN, 1, reached ? 0 : 1));
      }
    }
  }

  private static boolean given(Target t) {
    return t.use() != Use.ROGUE;
  }

  private int inUse(int attachment) {
    for (int i = 0; i < targets.size(); i++) {
      if (targets.get(i).table().attachment() == attachment && given(targets.get(i))) {
        return i;
      }
    }
    return -1;
  }

  private void release(Command.Release c, World w) {
    int index = inUse(c.attachment());
    if (index < 0) {
      return;
    }
    Target t = targets.get(index);
    targets = Lists.without(targets, index);
    long oldTranslation =
        Planted.IOTLB_NOT_FLUSHED.planted() ? w.plan().times().most() : c.oldTranslationNanos();
    boolean goesOn = oldTranslation > 0 || c.oldAddressNanos() > 0;
    if (goesOn && (t.cached() || c.oldAddressNanos() > 0)) {
      Target rogue =
          t.cached(true)
              .rogue(World.plus(w.now(), oldTranslation), World.plus(w.now(), c.oldAddressNanos()));
      targets = Lists.plus(targets, rogue);
    }
  }

  /** What the IOMMU's table says of an address, or null if it is not this mapping's any more. */
  private @Nullable SlotMapping walk(SgTable table, World w) {
    Slot slot = w.memory().slot(table.slot());
    if (slot == null) {
      return null;
    }
    SlotMapping mapping = slot.mapping();
    boolean granted =
        slot.grant()
            == ControlDescriptor.grant(table.generation(), ControlDescriptor.PERMISSION_READ_WRITE);
    return granted
            && mapping.attachment() == table.attachment()
            && mapping.deviceKey() == its.deviceKey()
            && mapping.covers(table.offset(), table.length())
        ? mapping
        : null;
  }

  /** Whether there are rogues whose time is over. */
  boolean expires(long now) {
    if (dma == null) {
      for (int i = 0; i < targets.size(); i++) {
        if (isOver(targets.get(i), now)) {
          return true;
        }
      }
    }
    return false;
  }

  /** Forgets rogues whose time is over, if {@link #expires}. */
  void expire(World w) {
    targets = targets.stream().filter(t -> !isOver(t, w.now())).toList();
  }

  private static boolean isOver(Target t, long now) {
    return t.use() == Use.ROGUE && !goesOn(t, now);
  }
}
