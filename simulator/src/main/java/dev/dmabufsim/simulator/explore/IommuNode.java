package dev.dmabufsim.simulator.explore;

import dev.dmabufsim.common.fabric.BufferJournal;
import dev.dmabufsim.common.fabric.ControlDescriptor;
import dev.dmabufsim.common.fault.Planted;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.iommu.IommuCore;
import dev.dmabufsim.iommu.IommuEffect;
import dev.dmabufsim.iommu.IommuEvent;
import dev.dmabufsim.iommu.IommuRebuild;
import dev.dmabufsim.iommu.IommuState;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/** The IOMMU's node: what {@code dev.dmabufsim.iommu.IommuHub} is in a cluster. */
final class IommuNode extends Node {
  private static final long SAMPLE_NANOS = 1_000_000;
  private static final long ORPHANS_NANOS = 10_000_000;
  private static final long ORPHAN_DRAIN_NANOS = 20_000_000;

  private IommuState state = IommuState.empty(SharedMemory.CAPACITY);
  private final Set<Integer> dead = new TreeSet<>();
  private long sampleAt = World.NEVER;
  private boolean orphansDue;
  private long orphansAt = World.NEVER;

  IommuNode(int node, int process) {
    super(node, "m", "IOMMU", process);
  }

  @Override
  IommuNode copy() {
    IommuNode copy = new IommuNode(node(), process());
    copy.assume(this);
    copy.state = state;
    copy.dead.addAll(dead);
    copy.sampleAt = sampleAt;
    copy.orphansDue = orphansDue;
    copy.orphansAt = orphansAt;
    return copy;
  }

  @Override
  int numberOfRest(Numbers n) {
    int its = n.of(state);
    state = n.first(state, its);
    return n.of(its, n.of(List.copyOf(dead)), sampleAt, orphansDue ? 1 : 0, orphansAt);
  }

  @Override
  long dueNanos() {
    return Math.min(sampleAt, orphansAt);
  }

  boolean knows(int process) {
    return dead.contains(process);
  }

  Set<Integer> deaths() {
    return dead;
  }

  boolean busy() {
    return up() && state.busy();
  }

  int slots() {
    return state.open().size() + state.draining().size();
  }

  @Override
  void died() {
    sampleAt = World.NEVER;
    orphansAt = World.NEVER;
    orphansDue = false;
    dead.clear();
  }

  @Override
  void restarted(World w) {
    List<IommuRebuild.Line> lines = new ArrayList<>();
    int slots = Planted.TABLE_FORGOTTEN.planted() ? 0 : w.memory().slots().size();
    for (int i = 0; i < slots; i++) {
      SharedMemory.Slot slot = w.memory().slots().get(i);
      lines.add(
          new IommuRebuild.Line(
              i, slot.mapping(), ControlDescriptor.permission(slot.grant()), slot.flags()));
    }
    IommuRebuild.Rebuilt rebuilt =
        IommuRebuild.rebuild(
            SharedMemory.CAPACITY, lines, w.processes(), List.copyOf(w.memory().journal()));
    rebuilt
        .damaged()
        .forEach(d -> w.memory().permission(d.slot(), ControlDescriptor.PERMISSION_BLOCKED));
    w.record(node(), new HistoryEvent.Rebuilt(lines.size(), rebuilt.open()));
    state = rebuilt.state();
    schedule(w);
    w.send(node(), World.EXPORTER, new Packet.IommuReady(process()), w.processAt(World.EXPORTER));
  }

  @Override
  void receive(Packet packet, World w) {
    if (dead.contains(packet.from())) {
      w.record(node(), new HistoryEvent.Dropped(packet.getClass().getSimpleName(), "dead"));
      return;
    }
    switch (packet) {
      case Packet.MapSlots m ->
          happened(
              new IommuEvent.Map(
                  m.buffer(),
                  m.epoch(),
                  m.segment(),
                  m.generation(),
                  SharedMemory.BYTES,
                  m.translated(),
                  m.requests()),
              w);
      case Packet.Subscribe m ->
          dead.forEach(
              p -> w.send(node(), World.EXPORTER, new Packet.ProcessDied(process(), p), m.from()));
      case Packet.UnmapSlots m -> happened(new IommuEvent.Unmap(m.buffer(), m.mappings()), w);
      case Packet.CloseBuffer m ->
          happened(new IommuEvent.Close(m.buffer(), m.epoch(), m.drainNanos(), w.now()), w);
      default -> {}
    }
  }

  @Override
  void timer(World w) {
    if (w.now() >= sampleAt) {
      sample(w);
    } else {
      orphans(w);
    }
  }

  /** It looks at the processes, and sees that one is dead. */
  void noticed(int process, World w) {
    if (dead.add(process)) {
      happened(new IommuEvent.ProcessDied(process, w.nameOf(process)), w);
      if (up()) {
        orphans(w);
      }
    }
  }

  private void orphans(World w) {
    orphansAt = World.NEVER;
    if (Planted.ORPHANS_KEPT.planted()) {
      return;
    }
    happened(
        new IommuEvent.Orphans(
            w.memory().journal().stream().filter(e -> dead.contains(e.process())).toList(),
            ORPHAN_DRAIN_NANOS,
            w.now()),
        w);
    if (up() && !state.orphans().isEmpty()) {
      orphansAt = w.now() + ORPHANS_NANOS;
    }
  }

  private void happened(IommuEvent event, World w) {
    IommuCore.Step step = IommuCore.step(state, event);
    state = step.state();
    for (IommuEffect effect : step.effects()) {
      if (crashes(w)) {
        return;
      }
      carryOut(effect, w);
    }
    if (up()) {
      schedule(w);
    }
  }

  private void schedule(World w) {
    if (!state.busy()) {
      sampleAt = World.NEVER;
    } else if (sampleAt == World.NEVER) {
      sampleAt = w.now() + SAMPLE_NANOS;
    }
  }

  private void carryOut(IommuEffect effect, World w) {
    switch (effect) {
      case IommuEffect.OpenSlot e -> {
        int use =
            switch (e.use()) {
              case DMA -> 0;
              case ATS -> ControlDescriptor.SLOT_ATS;
              case CPU -> ControlDescriptor.SLOT_CPU;
            };
        int flags = use | (e.translated() ? ControlDescriptor.SLOT_TRANSLATED : 0);
        w.memory().open(e.slot(), e.mapping(), flags);
      }
      case IommuEffect.CloseSlots e -> {
        if (!Planted.NO_BLOCK.planted()) {
          e.slots().forEach(s -> w.memory().permission(s, ControlDescriptor.PERMISSION_BLOCKED));
        }
        if (!crashes(w)) {
          sample(w);
        }
      }
      case IommuEffect.FreeSlots e -> {
        if (!Planted.NO_BLOCK.planted()) {
          e.slots().forEach(s -> w.memory().permission(s, ControlDescriptor.PERMISSION_FREE));
        }
      }
      case IommuEffect.ClearInFlight e -> e.slots().forEach(s -> w.memory().inFlight(s, false));
      case IommuEffect.SlotsMapped e ->
          tell(
              e.buffer(),
              new Packet.SlotsMapped(
                  process(), e.buffer(), e.epoch(), e.use(), e.tables(), e.refused()),
              w);
      case IommuEffect.SlotsUnmapped e ->
          tell(e.buffer(), new Packet.SlotsUnmapped(process(), e.buffer(), e.mappings()), w);
      case IommuEffect.BufferClosed e ->
          tell(
              e.buffer(),
              new Packet.BufferClosed(process(), e.buffer(), e.epoch(), e.open(), e.undrained()),
              w);
      case IommuEffect.Claim e -> claim(e, w);
      case IommuEffect.SeverOrphan e -> severOrphan(e, w);
      case IommuEffect.AnnounceDeath e ->
          w.send(
              node(),
              World.EXPORTER,
              new Packet.ProcessDied(process(), e.process()),
              w.processAt(World.EXPORTER));
      case IommuEffect.Note e -> w.record(node(), e.event());
    }
  }

  private void claim(IommuEffect.Claim e, World w) {
    BufferJournal.Entry mine = e.entry().reclaiming();
    if (e.entry().phase() == BufferJournal.Phase.RECLAIMING
        || w.memory().claim(e.entry(), mine.epoch(), mine.phase())) {
      happened(
          new IommuEvent.Claimed(
              mine, e.entry().phase() == BufferJournal.Phase.REVOKING, e.drainNanos(), w.now()),
          w);
    } else {
      orphansAt = w.now() + ORPHANS_NANOS;
    }
  }

  private void severOrphan(IommuEffect.SeverOrphan e, World w) {
    w.memory().sever(e.entry().segment());
    if (crashes(w)) {
      return;
    }
    boolean first = w.memory().claim(e.entry(), e.entry().epoch(), BufferJournal.Phase.RECLAIMED);
    happened(new IommuEvent.OrphanSevered(e.entry().buffer(), first, w.now()), w);
  }

  private void sample(World w) {
    sampleAt = World.NEVER;
    List<Integer> idle = new ArrayList<>();
    for (int slot : state.draining().keySet()) {
      if (!w.memory().inFlight(slot) || Planted.NO_DRAIN.planted()) {
        idle.add(slot);
      }
    }
    happened(new IommuEvent.Sampled(idle, w.now()), w);
  }

  private void tell(int buffer, Packet packet, World w) {
    w.send(node(), World.EXPORTER, packet, World.processOf(buffer));
  }
}
