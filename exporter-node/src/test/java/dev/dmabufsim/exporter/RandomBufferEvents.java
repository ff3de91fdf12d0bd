package dev.dmabufsim.exporter;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.FenceUsage;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.driver.ImporterOffer;
import dev.dmabufsim.common.message.ExporterMessage.Fence;
import dev.dmabufsim.common.message.ExporterMessage.Signal;
import dev.dmabufsim.common.message.IommuMessage.SlotUse;
import dev.dmabufsim.common.message.MappingId;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.SgTable;
import dev.dmabufsim.common.message.Span;
import dev.dmabufsim.exporter.BufferState.Attachment;
import dev.dmabufsim.exporter.BufferState.Mapping;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;

/**
 * Anything that could reach a buffer, and what could not: answers that nobody asked for, twice, too
 * late, in any order, of epochs gone and to come, for attachments that do not exist, of processes
 * that are dead.
 */
final class RandomBufferEvents {
  private static final int PROCESSES = 3;
  private static final int ATTACHMENTS = 6;
  private static final List<FenceUsage> USAGES = List.of(FenceUsage.values());
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
    if (random.nextInt(100) == 0) {
      now += 1_200_000_000L;
    }
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
          new BufferEvent.Called(
              e.process(), e.call(), e.operation(), e.locked(), e.span(), e.ids(), now);
      case BufferEvent.SlotsUnmapped e -> new BufferEvent.SlotsUnmapped(e.mappings(), now);
      case BufferEvent.Progressed e ->
          new BufferEvent.Progressed(
              e.process(), e.epoch(), e.returned(), e.fences(), e.signalled(), e.unmapped(), now);
      case BufferEvent.RevokeRequested e -> new BufferEvent.RevokeRequested(e.cause(), now);
      case BufferEvent.CopiedOut e ->
          new BufferEvent.CopiedOut(
              e.epoch(), e.segment(), e.generation(), e.before(), e.after(), now);
      case BufferEvent.MoveFailed e -> new BufferEvent.MoveFailed(e.epoch(), now);
      case BufferEvent.Released e -> new BufferEvent.Released(now);
      case BufferEvent.BufferClosed e ->
          new BufferEvent.BufferClosed(e.epoch(), e.open(), e.undrained(), now);
      case BufferEvent.Severed e -> new BufferEvent.Severed(e.epoch(), now);
      case BufferEvent.ProcessDied e -> new BufferEvent.ProcessDied(e.process(), now);
      case BufferEvent.Ticked e -> new BufferEvent.Ticked(now);
      case BufferEvent.Attached e ->
          new BufferEvent.Attached(e.importer(), e.ids(), e.mapErrno(), now);
      case BufferEvent.SlotsMapped e -> e;
      case BufferEvent.Restored e -> new BufferEvent.Restored(e.segment(), e.generation(), now);
    };
  }

  private BufferEvent tick() {
    return new BufferEvent.Ticked(now);
  }

  private BufferEvent fresh(BufferState state) {
    int kind = random.nextInt(1_000);
    if (state.unrevoke() != null && kind % 4 == 0) {
      return returnedAgain(state, state.unrevoke().returns());
    }
    if (kind < 80) {
      return attached();
    } else if (kind < 380) {
      return call(state);
    } else if (kind < 500) {
      return slotsMapped(state);
    } else if (kind < 570) {
      return new BufferEvent.SlotsUnmapped(unmapped(state), now);
    } else if (kind < 710) {
      return progressed(state);
    } else if (kind < 735) {
      return new BufferEvent.RevokeRequested(cause(state), now);
    } else if (kind < 790) {
      return new BufferEvent.BufferClosed(epoch(state), some(), some(), now);
    } else if (kind < 815) {
      return new BufferEvent.CopiedOut(
          epoch(state), state.segment() + 1, state.generation() + 1, 5, 5, now);
    } else if (kind < 820) {
      return new BufferEvent.MoveFailed(epoch(state), now);
    } else if (kind < 845) {
      return new BufferEvent.Severed(epoch(state), now);
    } else if (kind < 920) {
      return new BufferEvent.Restored(state.segment() + 1, state.generation() + 1, now);
    } else if (kind < 921) {
      return new BufferEvent.ProcessDied(process(), now);
    } else if (kind < 922) {
      return new BufferEvent.Released(now);
    }
    return tick();
  }

  private BufferEvent attached() {
    // Mostly such as can be told, do peer-to-peer, and cache no translations.
    ImporterOffer offer =
        new ImporterOffer(
            random.nextInt(8) > 0,
            random.nextInt(6) > 0,
            random.nextInt(8) > 0,
            false,
            random.nextInt(4) == 0);
    return new BufferEvent.Attached(
        new BufferState.Importer(process(), 1 << 16, "some", offer, random.nextInt(5) == 0),
        ids(),
        random.nextInt(20) == 0 ? Errno.EINVAL : Errno.OK,
        now);
  }

  /** Mostly not for good: nothing more happens then. */
  private RevokeCause cause(BufferState state) {
    List<RevokeCause> causes = state.settings().kind().causes();
    return random.nextInt(8) == 0
        ? causes.get(random.nextInt(causes.size()))
        : causes.get(random.nextInt(2));
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

  private long epoch(BufferState state) {
    return random.nextInt(5) == 0 ? state.epoch() + random.nextInt(-2, 3) : state.epoch();
  }

  private BufferEvent call(BufferState state) {
    List<Integer> ids = ids();
    Attachment first = state.attachments().get(ids.getFirst());
    if (first == null || random.nextInt(10) == 0) {
      return called(process(), operation(), ids);
    }
    // Mostly by whose attachment it is, and something that leads on.
    Operation maps = first.importer().offer().iommufdMap() ? Operation.IOMMUFD_MAP : Operation.MAP;
    boolean sensible = first.mapping() instanceof Mapping.None && random.nextInt(3) > 0;
    return called(first.process(), sensible ? maps : operation(), ids);
  }

  private BufferEvent called(int process, Operation operation, List<Integer> ids) {
    boolean locked = operation.locked() != (random.nextInt(30) == 0);
    Span span =
        random.nextInt(4) > 0
            ? Span.WHOLE
            : new Span(random.nextInt(-1, 5) * 1024L, random.nextInt(-1, 5) * 1024L);
    return new BufferEvent.Called(process, ++calls, operation, locked, span, ids, now);
  }

  private Operation operation() {
    return OPERATIONS.get(random.nextInt(OPERATIONS.size()));
  }

  private BufferEvent slotsMapped(BufferState state) {
    SlotUse use = random.nextInt(3) == 0 ? SlotUse.CPU : SlotUse.DMA;
    List<SgTable> tables = new ArrayList<>();
    List<Integer> refused = new ArrayList<>();
    for (int id : pendingOrAny(state)) {
      if (random.nextInt(5) == 0) {
        refused.add(id);
      } else {
        tables.add(table(state, id, use));
      }
    }
    return new BufferEvent.SlotsMapped(epoch(state), use, tables, refused);
  }

  private static SgTable table(BufferState state, int id, SlotUse use) {
    return new SgTable(
        id, id, 4096, id, state.segment(), state.generation(), state.generation(), true, use);
  }

  private List<Integer> pendingOrAny(BufferState state) {
    List<Integer> pending =
        state.attachments().values().stream()
            .filter(a ->
                a.mapping() instanceof Mapping.Pending || a.cpu().slot() instanceof Mapping.Pending)
            .map(Attachment::id)
            .filter(id -> random.nextInt(3) > 0)
            .toList();
    return pending.isEmpty() ? ids() : pending;
  }

  private List<MappingId> unmapped(BufferState state) {
    List<MappingId> closing = new ArrayList<>(state.closing());
    for (Attachment a : state.attachments().values()) {
      for (Mapping mapping : List.of(a.mapping(), a.cpu().slot())) {
        if (mapping instanceof Mapping.Unmapping u && random.nextInt(3) > 0) {
          closing.add(u.id());
        }
      }
    }
    if (closing.isEmpty()) {
      ids().forEach(id -> closing.add(new MappingId(id, state.generation(), SlotUse.DMA)));
    }
    return closing;
  }

  /** Of one process, mostly about its own attachments; with fences and signals of all kinds. */
  private BufferEvent progressed(BufferState state) {
    int process = process();
    List<Integer> its =
        random.nextInt(10) == 0
            ? ids()
            : state.attachments().values().stream()
                .filter(a -> a.process() == process)
                .map(Attachment::id)
                .toList();
    List<Integer> returned = random.nextInt(3) > 0 ? its : some();
    List<Fence> fences = new ArrayList<>();
    for (int id : returned) {
      for (int i = random.nextInt(3); i > 0; i--) {
        FenceUsage usage = USAGES.get(random.nextInt(USAGES.size()));
        fences.add(new Fence(id, random.nextInt(3), usage));
      }
    }
    List<Signal> signals = new ArrayList<>();
    for (int id : random.nextInt(3) > 0 ? its : some()) {
      for (int index = 0; index < 3; index++) {
        signals.add(new Signal(id, index, random.nextInt(5) == 0 ? Errno.EINTR : Errno.OK));
      }
    }
    List<Integer> unmapped = random.nextInt(3) > 0 ? its : some();
    return new BufferEvent.Progressed(
        process, epoch(state), returned, fences, signals, unmapped, now);
  }

  /** One process's callbacks return, as they are to before an un-revoke is over. */
  private BufferEvent returnedAgain(BufferState state, Set<Integer> returns) {
    int process =
        returns.stream().map(id -> state.attachments().get(id).process()).findAny().orElse(0);
    List<Integer> its =
        returns.stream().filter(id -> state.attachments().get(id).process() == process).toList();
    List<Signal> signals = new ArrayList<>();
    for (int id : its) {
      for (int index = 0; index < 3; index++) {
        signals.add(new Signal(id, index, Errno.OK));
      }
    }
    return new BufferEvent.Progressed(
        process, state.epoch(), its, List.of(), signals, List.of(), now);
  }

  /** What settles a buffer: answers to everything that the IOMMU was asked for. */
  List<BufferEvent> everythingAnswered(BufferState state) {
    List<SgTable> tables = new ArrayList<>();
    List<SgTable> cpu = new ArrayList<>();
    List<MappingId> closed = new ArrayList<>(state.closing());
    for (Attachment a : state.attachments().values()) {
      if (a.mapping() instanceof Mapping.Pending) {
        tables.add(table(state, a.id(), SlotUse.DMA));
      }
      if (a.cpu().slot() instanceof Mapping.Pending) {
        cpu.add(table(state, a.id(), SlotUse.CPU));
      }
      for (Mapping mapping : List.of(a.mapping(), a.cpu().slot())) {
        if (mapping instanceof Mapping.Unmapping u) {
          closed.add(u.id());
        }
      }
    }
    return List.of(
        new BufferEvent.SlotsMapped(state.epoch(), SlotUse.DMA, tables, List.of()),
        new BufferEvent.SlotsMapped(state.epoch(), SlotUse.CPU, cpu, List.of()),
        new BufferEvent.SlotsUnmapped(closed, now));
  }
}
