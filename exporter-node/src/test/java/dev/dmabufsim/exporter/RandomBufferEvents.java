package dev.dmabufsim.exporter;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.ImporterKind;
import dev.dmabufsim.common.message.MappingId;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.SgTable;
import dev.dmabufsim.exporter.BufferState.Attachment;
import dev.dmabufsim.exporter.BufferState.Mapping;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * Anything that could reach a buffer, and what could not: answers that nobody asked for, twice, too
 * late, in any order, of epochs gone and to come, for attachments that do not exist, of processes
 * that are dead.
 */
final class RandomBufferEvents {
  private static final int PROCESSES = 3;
  private static final int ATTACHMENTS = 6;
  private static final List<Operation> OPERATIONS = List.of(Operation.values());

  private final Random random;
  private final List<BufferEvent> past = new ArrayList<>();
  private long now;
  private long calls;

  RandomBufferEvents(long seed) {
    this.random = new Random(seed);
    // nanoTime() begins anywhere, and may pass its largest value in between.
    this.now =
        switch ((int) (seed % 3)) {
          case 0 -> 0;
          case 1 -> Long.MAX_VALUE - 1_000_000;
          default -> -500_000;
        };
  }

  BufferEvent next(BufferState state) {
    now += random.nextInt(10) == 0 ? random.nextInt(150_000) : random.nextInt(2_000);
    BufferEvent event = random.nextInt(12) == 0 ? repetition() : fresh(state);
    past.add(event);
    return event;
  }

  private BufferEvent repetition() {
    return past.isEmpty() ? tick() : now(past.get(random.nextInt(past.size())));
  }

  /** The same again: the buffer's own node says when it came. */
  private BufferEvent now(BufferEvent event) {
    return switch (event) {
      case BufferEvent.Called e ->
          new BufferEvent.Called(e.process(), e.call(), e.operation(), e.ids(), now);
      case BufferEvent.SlotsUnmapped e -> new BufferEvent.SlotsUnmapped(e.mappings(), now);
      case BufferEvent.Progressed e ->
          new BufferEvent.Progressed(e.epoch(), e.returned(), e.fenced(), e.unmapped(), now);
      case BufferEvent.RevokeRequested e -> new BufferEvent.RevokeRequested(now);
      case BufferEvent.BufferClosed e ->
          new BufferEvent.BufferClosed(e.epoch(), e.open(), e.undrained(), now);
      case BufferEvent.Severed e -> new BufferEvent.Severed(e.epoch(), now);
      case BufferEvent.ProcessDied e -> new BufferEvent.ProcessDied(e.process(), now);
      case BufferEvent.Ticked e -> new BufferEvent.Ticked(now);
      case BufferEvent.Attached e -> e;
      case BufferEvent.SlotsMapped e -> e;
      case BufferEvent.Restored e -> e;
    };
  }

  private BufferEvent tick() {
    return new BufferEvent.Ticked(now);
  }

  private BufferEvent fresh(BufferState state) {
    int kind = random.nextInt(1_000);
    if (kind < 80) {
      return new BufferEvent.Attached(
          process(),
          1 << 16,
          ImporterKind.IOMMUFD,
          ids(),
          random.nextInt(20) == 0 ? Errno.EINVAL : Errno.OK);
    } else if (kind < 380) {
      return call(state);
    } else if (kind < 500) {
      return slotsMapped(state);
    } else if (kind < 570) {
      return new BufferEvent.SlotsUnmapped(unmapped(state), now);
    } else if (kind < 710) {
      return progressed(state);
    } else if (kind < 735) {
      return new BufferEvent.RevokeRequested(now);
    } else if (kind < 800) {
      return new BufferEvent.BufferClosed(epoch(state), some(), some(), now);
    } else if (kind < 840) {
      return new BufferEvent.Severed(epoch(state), now);
    } else if (kind < 920) {
      return new BufferEvent.Restored(state.segment() + 1, state.generation() + 1);
    } else if (kind < 921) {
      return new BufferEvent.ProcessDied(process(), now);
    }
    return tick();
  }

  private int process() {
    return 1 + random.nextInt(PROCESSES);
  }

  /** One or more attachments, rarely one that cannot exist. */
  private List<Integer> ids() {
    List<Integer> ids = new ArrayList<>();
    do {
      ids.add(random.nextInt(30) == 0 ? random.nextInt() : 1 + random.nextInt(ATTACHMENTS));
    } while (random.nextInt(3) == 0);
    return ids;
  }

  /** Often none. */
  private List<Integer> some() {
    return random.nextBoolean() ? List.of() : ids();
  }

  /** Often all. */
  private List<Integer> most(BufferState state) {
    return random.nextInt(3) == 0 ? some() : List.copyOf(state.attachments().keySet());
  }

  private long epoch(BufferState state) {
    return random.nextInt(5) == 0 ? state.epoch() + random.nextInt(-2, 3) : state.epoch();
  }

  private BufferEvent call(BufferState state) {
    List<Integer> ids = ids();
    Attachment first = state.attachments().get(ids.getFirst());
    if (first == null || random.nextInt(10) == 0) {
      return new BufferEvent.Called(process(), ++calls, operation(), ids, now);
    }
    // Mostly by whose attachment it is, and something that leads on.
    Operation sensible = first.mapping() instanceof Mapping.None ? Operation.MAP : operation();
    return new BufferEvent.Called(first.process(), ++calls, sensible, ids, now);
  }

  private Operation operation() {
    return OPERATIONS.get(random.nextInt(OPERATIONS.size()));
  }

  private BufferEvent slotsMapped(BufferState state) {
    List<SgTable> tables = new ArrayList<>();
    List<Integer> refused = new ArrayList<>();
    for (int id : pendingOrAny(state)) {
      if (random.nextInt(5) == 0) {
        refused.add(id);
      } else {
        tables.add(new SgTable(id, id, 4096, id, state.segment(), state.generation(), true));
      }
    }
    return new BufferEvent.SlotsMapped(epoch(state), tables, refused);
  }

  private List<Integer> pendingOrAny(BufferState state) {
    List<Integer> pending =
        state.attachments().values().stream()
            .filter(a -> a.mapping() instanceof Mapping.Pending)
            .map(Attachment::id)
            .filter(id -> random.nextInt(3) > 0)
            .toList();
    return pending.isEmpty() ? ids() : pending;
  }

  private List<MappingId> unmapped(BufferState state) {
    List<MappingId> closing = new ArrayList<>(state.closing());
    for (Attachment a : state.attachments().values()) {
      if (a.mapping() instanceof Mapping.Unmapping(long _, MappingId id) && random.nextInt(3) > 0) {
        closing.add(id);
      }
    }
    if (closing.isEmpty()) {
      ids().forEach(id -> closing.add(new MappingId(id, state.generation())));
    }
    return closing;
  }

  private BufferEvent progressed(BufferState state) {
    return new BufferEvent.Progressed(epoch(state), most(state), most(state), most(state), now);
  }

  /** What settles a buffer: answers to everything that the IOMMU was asked for. */
  List<BufferEvent> everythingAnswered(BufferState state) {
    List<SgTable> tables = new ArrayList<>();
    List<MappingId> closed = new ArrayList<>(state.closing());
    for (Attachment a : state.attachments().values()) {
      if (a.mapping() instanceof Mapping.Pending) {
        tables.add(new SgTable(a.id(), 0, 4096, a.id(), state.segment(), state.generation(), true));
      } else if (a.mapping() instanceof Mapping.Unmapping(long _, MappingId id)) {
        closed.add(id);
      }
    }
    return List.of(
        new BufferEvent.SlotsMapped(state.epoch(), tables, List.of()),
        new BufferEvent.SlotsUnmapped(closed, now));
  }
}
