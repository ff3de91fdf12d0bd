package dev.dmabufsim.iommu;

import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.common.fabric.BufferJournal;
import dev.dmabufsim.common.fabric.ControlDescriptor;
import dev.dmabufsim.common.fabric.SlotMapping;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.IommuMessage.SlotRequest;
import dev.dmabufsim.common.message.IommuMessage.SlotUse;
import dev.dmabufsim.common.message.MappingId;
import dev.dmabufsim.common.message.SgTable;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The table of slots that the effects of an {@link IommuCore} write, with DMA in flight when a test
 * says so, and what must hold of it after every event, whatever the event.
 */
final class SlotTable {
  private enum Status {
    FREE,
    OPEN,
    CLOSED
  }

  /** What really stands in a slot. */
  private static final class Cell {
    Status status = Status.FREE;
    @Nullable SlotMapping mapping;
    SlotUse use = SlotUse.DMA;
    boolean inFlight;

    boolean holds(int buffer) {
      return mapping != null && status != Status.FREE && mapping.buffer() == buffer;
    }
  }

  /** A close, and whose ATS devices it is about, with their processes. */
  private record Asked(long epoch, long deadlineNanos, Map<Integer, Integer> ats) {}

  /** Which ATS devices were ever given a translation of a buffer's newest memory. */
  private static final class Given {
    long generation;
    long epoch;
    long closedBy;
    final Map<Integer, Integer> processes = new TreeMap<>();
  }

  IommuState state;
  long now;
  final List<IommuEffect> effects = new ArrayList<>();
  private final Cell[] cells;
  private final Set<Integer> dead = new HashSet<>();
  private final Map<Integer, Asked> closes = new TreeMap<>();
  private final Map<Integer, Given> given = new TreeMap<>();
  private final Map<MappingId, Set<Cell>> unmapsUnanswered = new HashMap<>();
  private List<SlotRequest> requests = List.of();
  private final Map<Integer, BufferJournal.Entry> reclaims = new TreeMap<>();
  private final Set<Integer> severed = new HashSet<>();
  private final Set<List<Long>> reclaimed = new HashSet<>();

  /** What stands in the journal of buffers whose exporter is dead. */
  final Map<Integer, BufferJournal.Entry> journal = new TreeMap<>();

  /** Whether memory cannot be severed for now, and how often that was tried. */
  boolean severFails;

  int severs;

  SlotTable(int capacity) {
    this.state = IommuState.empty(capacity);
    this.cells = new Cell[capacity];
    for (int i = 0; i < capacity; i++) {
      cells[i] = new Cell();
    }
  }

  @SuppressWarnings("AnnotateFormatMethod") // a dependency for one method of a test
  private static void must(boolean holds, String what, Object... about) {
    if (!holds) {
      throw new AssertionError(String.format(what, about));
    }
  }

  /** Something happens; what follows from it stands in {@link #effects}. */
  SlotTable happens(IommuEvent event) {
    effects.clear();
    take(event);
    play(event);
    check();
    return this;
  }

  /** Carries effects out in their order, as the shell does. */
  private void play(IommuEvent event) {
    IommuCore.Step step = IommuCore.step(state, event);
    state = step.state();
    for (IommuEffect effect : step.effects()) {
      effects.add(effect);
      carryOut(effect);
    }
  }

  private void take(IommuEvent event) {
    switch (event) {
      case IommuEvent.Map e -> requests = e.requests();
      case IommuEvent.Unmap e -> e.mappings().forEach(this::unmapAsked);
      case IommuEvent.Close e -> {
        Asked current = closes.get(e.buffer());
        BufferJournal.Entry reclaim = reclaims.get(e.buffer());
        if (reclaim != null && reclaim.epoch() != e.epoch()) {
          return;
        }
        if (current == null || current.epoch() != e.epoch()) {
          Map<Integer, Integer> ats = atsUntil(e.buffer(), e.epoch());
          if (current != null) {
            ats.putAll(current.ats());
          }
          closes.put(e.buffer(), new Asked(e.epoch(), e.nowNanos() + e.drainNanos(), ats));
        }
      }
      case IommuEvent.Sampled e -> {}
      case IommuEvent.ProcessDied e -> {
        dead.add(e.process());
        given.values().forEach(g -> g.processes.values().removeIf(p -> p == e.process()));
        closes.values().forEach(c -> c.ats().values().removeIf(p -> p == e.process()));
      }
      case IommuEvent.Orphans e -> {}
      case IommuEvent.Claimed e -> {
        BufferJournal.Entry entry = e.entry();
        if (!reclaims.containsKey(entry.buffer())) {
          reclaims.put(entry.buffer(), entry);
          take(new IommuEvent.Close(entry.buffer(), entry.epoch(), e.drainNanos(), e.nowNanos()));
        }
      }
      case IommuEvent.OrphanSevered e -> {}
    }
  }

  /** Of the devices that go past the IOMMU, which a close of that epoch has to tell of. */
  private Map<Integer, Integer> atsUntil(int buffer, long epoch) {
    Map<Integer, Integer> ats = new TreeMap<>();
    Given its = given.get(buffer);
    if (its != null && its.epoch < epoch && (its.closedBy == 0 || its.closedBy == epoch)) {
      its.closedBy = epoch;
      ats.putAll(its.processes);
    }
    for (Cell cell : cells) {
      SlotMapping mapping = cell.mapping;
      if (mapping != null
          && cell.status == Status.OPEN
          && cell.use == SlotUse.ATS
          && mapping.buffer() == buffer
          && mapping.epoch() < epoch) {
        ats.put(mapping.attachment(), mapping.process());
      }
    }
    return ats;
  }

  private void giveAts(SlotMapping mapping) {
    Given its = given.computeIfAbsent(mapping.buffer(), b -> new Given());
    if (mapping.generation() < its.generation) {
      return;
    }
    if (mapping.generation() > its.generation || its.closedBy != 0) {
      its.processes.clear();
      its.generation = mapping.generation();
      its.epoch = mapping.epoch();
      its.closedBy = 0;
    }
    its.processes.put(mapping.attachment(), mapping.process());
  }

  /** Remembers which slot it is that has to be closed and drained. */
  private void unmapAsked(MappingId mapping) {
    Set<Cell> concerned = unmapsUnanswered.computeIfAbsent(mapping, m -> new HashSet<>());
    for (Cell cell : cells) {
      if (cell.status == Status.OPEN
          && cell.mapping != null
          && cell.use == mapping.use()
          && cell.mapping.attachment() == mapping.attachment()
          && cell.mapping.generation() == mapping.generation()) {
        concerned.add(cell);
      }
    }
  }

  private void carryOut(IommuEffect effect) {
    switch (effect) {
      case IommuEffect.OpenSlot e -> open(e);
      case IommuEffect.CloseSlots e -> {
        for (int slot : e.slots()) {
          must(cells[slot].status == Status.OPEN, "closed, but not open: %d", slot);
          cells[slot].status = Status.CLOSED;
        }
        play(sampled());
      }
      case IommuEffect.FreeSlots e -> {
        for (int slot : e.slots()) {
          must(cells[slot].status == Status.CLOSED, "freed, but not closed: %d", slot);
          must(!cells[slot].inFlight, "freed with DMA in flight: %d", slot);
          cells[slot].status = Status.FREE;
        }
      }
      case IommuEffect.ClearInFlight e -> {
        for (int slot : e.slots()) {
          SlotMapping mapping = cells[slot].mapping;
          must(
              mapping != null && dead.contains(mapping.process()),
              "DMA of a living process is not to be forgotten: %s",
              mapping);
          cells[slot].inFlight = false;
        }
      }
      case IommuEffect.SlotsMapped e -> checkMapped(e);
      case IommuEffect.SlotsUnmapped e -> e.mappings().forEach(this::checkUnmapped);
      case IommuEffect.BufferClosed e -> checkClosed(e);
      case IommuEffect.Claim e -> {
        must(dead.contains(e.entry().process()), "%s lives", e);
        must(e.entry().unfinished(), "%s needs nobody", e);
        must(!reclaims.containsKey(e.entry().buffer()), "claimed twice: %s", e);
        journal.put(e.entry().buffer(), e.entry().reclaiming());
        BufferJournal.Entry mine = e.entry().reclaiming();
        IommuEvent.Claimed claimed =
            new IommuEvent.Claimed(
                mine, e.entry().phase() == BufferJournal.Phase.REVOKING, e.drainNanos(), now);
        take(claimed);
        play(claimed);
      }
      case IommuEffect.SeverOrphan e -> {
        BufferJournal.Entry entry = reclaims.get(e.entry().buffer());
        must(e.entry().equals(entry), "%s, and being reclaimed is %s", e, entry);
        checkSevered(e.entry());
        severs++;
        if (severFails) {
          return;
        }
        severed.add(e.entry().segment());
        BufferJournal.Entry at = e.entry();
        journal.put(
            at.buffer(),
            new BufferJournal.Entry(
                at.index(),
                at.buffer(),
                at.process(),
                at.segment(),
                at.bytes(),
                at.generation(),
                at.epoch(),
                BufferJournal.Phase.RECLAIMED));
        play(new IommuEvent.OrphanSevered(at.buffer(), true, now));
        reclaims.remove(at.buffer());
      }
      case IommuEffect.AnnounceDeath e -> must(dead.contains(e.process()), "%s lives", e);
      case IommuEffect.Note e -> {
        if (e.event() instanceof HistoryEvent.Reclaimed r) {
          must(severed.contains(r.segment()), "reclaimed before it was severed: %s", r);
          must(reclaimed.add(List.of((long) r.buffer(), r.epoch())), "reclaimed twice: %s", r);
          must(r.micros() >= 0, "%s", r);
        }
      }
    }
  }

  /** Blocked is said only of what was drained. */
  private void checkSevered(BufferJournal.Entry entry) {
    Asked asked = closes.remove(entry.buffer());
    IommuState.Orphan orphan = state.orphans().get(entry.buffer());
    RevokeOutcome outcome = orphan == null ? null : orphan.outcome();
    must(outcome != null, "severed before it was closed: %s", entry);
    if (asked == null) {
      // Again, after it failed.
      return;
    }
    must(asked.epoch() == entry.epoch(), "%s was asked to be closed: %s", asked, entry);
    boolean busy = !asked.ats().isEmpty();
    for (Cell cell : cells) {
      SlotMapping mapping = cell.mapping;
      if (mapping != null && cell.holds(entry.buffer()) && mapping.epoch() < entry.epoch()) {
        must(cell.status == Status.CLOSED, "an orphan's slot is open: %s", mapping);
        busy |= cell.inFlight;
      }
    }
    must(busy == (outcome == RevokeOutcome.SEVERED), "in flight %s, and %s", busy, outcome);
  }

  /** The sample that the shell takes now. */
  IommuEvent.Sampled sampled() {
    return new IommuEvent.Sampled(
        state.draining().keySet().stream().filter(slot -> !cells[slot].inFlight).toList(), now);
  }

  private void open(IommuEffect.OpenSlot e) {
    SlotMapping mapping = e.mapping();
    Cell cell = cells[e.slot()];
    must(cell.status == Status.FREE, "opened, but not free: %d", e.slot());
    must(!dead.contains(mapping.process()), "opened for a dead process: %s", mapping);
    SlotMapping before = cell.mapping;
    if (before != null && (before.deviceKey() != mapping.deviceKey() || cell.use != e.use())) {
      must(dead.contains(before.process()), "%d was and is another thread's: %s", e.slot(), before);
      must(!cell.inFlight, "passed on with a DMA in flight: %d", e.slot());
    }
    for (Cell other : cells) {
      must(
          other.status != Status.OPEN
              || other.mapping == null
              || other.use != e.use()
              || other.mapping.attachment() != mapping.attachment(),
          "a second open slot for %s",
          mapping);
    }
    cell.status = Status.OPEN;
    cell.mapping = mapping;
    cell.use = e.use();
    must(e.translated() || e.use() != SlotUse.CPU, "a CPU mapping that nothing checks: %s", e);
    if (e.use() == SlotUse.ATS) {
      giveAts(mapping);
    }
  }

  private void checkMapped(IommuEffect.SlotsMapped e) {
    List<Integer> answered =
        Stream.concat(e.tables().stream().map(SgTable::attachment), e.refused().stream())
            .sorted()
            .toList();
    must(
        answered.equals(
            requests.stream()
                .filter(r -> r.use() == e.use())
                .map(SlotRequest::attachment)
                .sorted()
                .toList()),
        "asked for %s, and answered %s",
        requests,
        e);
    for (SgTable table : e.tables()) {
      Cell cell = cells[table.slot()];
      SlotMapping mapping = cell.mapping;
      must(
          cell.status == Status.OPEN
              && mapping != null
              && cell.use == e.use()
              && table.use() == e.use()
              && (table.translated() || e.use() != SlotUse.CPU)
              && table.content() == table.generation()
              && mapping.attachment() == table.attachment()
              && mapping.buffer() == e.buffer()
              && mapping.segment() == table.segment()
              && mapping.generation() == table.generation()
              && mapping.length() == table.length()
              && mapping.offset() == table.offset()
              && table.slot() == SgTable.slotOf(table.iova()),
          "%s, where there is %s",
          table,
          mapping);
    }
  }

  private void checkUnmapped(MappingId mapping) {
    Set<Cell> concerned = unmapsUnanswered.remove(mapping);
    must(concerned != null, "nobody asked, or it was answered: %s", mapping);
    for (Cell cell : concerned) {
      must(cell.status != Status.OPEN, "unmapped, and open: %s", mapping);
      must(cell.status == Status.FREE || !cell.inFlight, "unmapped, and in flight: %s", mapping);
    }
  }

  private void checkClosed(IommuEffect.BufferClosed e) {
    Asked asked = closes.remove(e.buffer());
    must(asked != null && asked.epoch() == e.epoch(), "nobody asked for %s", e);
    Set<Integer> busy = new TreeSet<>();
    for (Cell cell : cells) {
      SlotMapping mapping = cell.mapping;
      if (mapping != null && cell.holds(e.buffer()) && mapping.epoch() < e.epoch()) {
        must(cell.status == Status.CLOSED, "closed, and open: %s", mapping);
        if (cell.inFlight) {
          busy.add(mapping.attachment());
        }
      }
    }
    must(busy.isEmpty() || now - asked.deadlineNanos() >= 0, "gave up before its time: %s", e);
    Set<Integer> unproven = new TreeSet<>(busy);
    unproven.addAll(asked.ats().keySet());
    must(
        e.undrained().equals(List.copyOf(unproven)),
        "in flight %s, past the IOMMU %s, but %s",
        busy,
        asked.ats(),
        e);
    must(e.nanos() >= 0, "%s", e);
  }

  /** By buffer the core must find just what it finds at all. */
  private <K> void checkIndex(
      String which,
      Map<Integer, ? extends Set<K>> index,
      Map<K, IommuState.Slot> all,
      Function<IommuState.Slot, K> key) {
    Map<Integer, Set<K>> expected =
        all.values().stream()
            .collect(
                Collectors.groupingBy(
                    IommuState.Slot::buffer, Collectors.mapping(key, Collectors.toSet())));
    must(index.equals(expected), "%s by buffer: %s, not %s", which, index, expected);
  }

  /** What is written, against what the core believes. */
  private void check() {
    must(state.open().keySet().equals(keysOpen()), "open: %s", state.open());
    must(
        state.draining().keySet().equals(slotsOf(Status.CLOSED)), "draining: %s", state.draining());
    state
        .open()
        .values()
        .forEach(s -> must(!dead.contains(s.process()), "open for a dead process: %s", s));
    checkIndex("open", state.openOf(), state.open(), IommuState.Slot::holder);
    checkIndex("draining", state.drainingOf(), state.draining(), IommuState.Slot::index);
    int free = state.free().values().stream().mapToInt(List::size).sum() + state.spare().size();
    must(
        free + state.open().size() + state.draining().size() == state.fresh(),
        "%d slots were used: %s",
        state.fresh(),
        state);
    must(state.fresh() <= cells.length, "more slots than there are");
    must(closes.keySet().equals(state.closes().keySet()), "closing: %s", state.closes());
    must(state.busy() || (slotsOf(Status.CLOSED).isEmpty() && closes.isEmpty()), "nobody looks");
  }

  /** The first lines of all slots that were ever used. */
  List<IommuRebuild.Line> lines() {
    List<IommuRebuild.Line> lines = new ArrayList<>();
    for (int slot = 0; slot < state.fresh(); slot++) {
      Cell cell = cells[slot];
      int permission =
          switch (cell.status) {
            case FREE -> ControlDescriptor.PERMISSION_FREE;
            case OPEN -> ControlDescriptor.PERMISSION_READ_WRITE;
            case CLOSED -> ControlDescriptor.PERMISSION_BLOCKED;
          };
      int flags =
          switch (cell.use) {
            case DMA -> 0;
            case ATS -> ControlDescriptor.SLOT_ATS;
            case CPU -> ControlDescriptor.SLOT_CPU;
          };
      lines.add(
          new IommuRebuild.Line(slot, Objects.requireNonNull(cell.mapping), permission, flags));
    }
    return lines;
  }

  /** Whether DMA to a buffer is in flight through closed slots. */
  boolean draining(int buffer) {
    return !state.drainingOf(buffer).isEmpty();
  }

  private Set<Integer> slotsOf(Status status) {
    Set<Integer> slots = new HashSet<>();
    IntStream.range(0, cells.length).filter(i -> cells[i].status == status).forEach(slots::add);
    return slots;
  }

  private Set<IommuState.Holder> keysOpen() {
    Set<IommuState.Holder> keys = new HashSet<>();
    for (Cell cell : cells) {
      if (cell.status == Status.OPEN && cell.mapping != null) {
        keys.add(new IommuState.Holder(cell.mapping.attachment(), cell.use));
      }
    }
    return keys;
  }

  /** A DMA begins or ends. One that begins on a closed slot is refused, and is over in no time. */
  void dma(int slot, boolean inFlight) {
    Cell cell = cells[slot];
    boolean lives = cell.mapping != null && !dead.contains(cell.mapping.process());
    if (!inFlight || (lives && cell.status != Status.CLOSED)) {
      cell.inFlight = inFlight;
    }
  }

  /** All DMA ends. */
  void dmaEnds() {
    for (Cell cell : cells) {
      cell.inFlight = false;
    }
  }

  /** Checks, once nothing is in flight any more and that was seen, that everybody was answered. */
  void checkNothingUnanswered() {
    must(closes.isEmpty(), "not closed: %s", closes);
    must(unmapsUnanswered.isEmpty(), "not unmapped: %s", unmapsUnanswered);
    must(state.draining().isEmpty(), "still draining: %s", state.draining());
    must(reclaims.isEmpty() && state.orphans().isEmpty(), "not reclaimed: %s", reclaims);
  }

  /** What the last event led to, of one kind. */
  <T extends IommuEffect> List<T> effects(Class<T> kind) {
    return effects.stream().filter(kind::isInstance).map(kind::cast).toList();
  }
}
