package dev.dmabufsim.importer;

import dev.dmabufsim.common.contract.CpuUse;
import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.fabric.Fabric;
import dev.dmabufsim.common.fabric.Guard;
import dev.dmabufsim.common.history.History;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.SgTable;
import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The CPU's mappings of the buffers to which a device is attached. {@link CpuAccessCore} decides.
 */
final class CpuAccess {
  private static final class Reader {
    final int attachment;
    final int buffer;
    CpuAccessCore.State state = CpuAccessCore.State.OFF;
    @Nullable CpuMapping mapping;
    long reads;
    long writes;
    long faults;
    long writtenNanos;
    boolean leaked;

    Reader(int attachment, int buffer) {
      this.attachment = attachment;
      this.buffer = buffer;
    }
  }

  private static final int ACCESSES = 16;
  private static final long EVERY_NANOS = 1_000_000_000L;

  private final String device;
  private final CpuUse use;
  private final Fabric fabric;
  private final Guard guard;
  private final History history;
  private final Outbox outbox;
  private final Map<Integer, Reader> byAttachment = new HashMap<>();
  private final DueQueue<Reader> due = new DueQueue<>();

  CpuAccess(String device, CpuUse use, Fabric fabric, History history, Outbox outbox) {
    this.device = device;
    this.use = use;
    this.fabric = fabric;
    this.guard = fabric.guard();
    this.history = history;
    this.outbox = outbox;
  }

  void attached(int attachment, int buffer, long call, long now) {
    if (use == CpuUse.NONE) {
      return;
    }
    Reader reader = new Reader(attachment, buffer);
    // Its first fault is written down at once.
    reader.writtenNanos = now - EVERY_NANOS;
    byAttachment.put(attachment, reader);
    happened(reader, new CpuAccessCore.Event.Attached(use, call, now));
  }

  /** Does what is due. */
  void tick(long call, long now) {
    Reader reader;
    while ((reader = due.poll(now)) != null) {
      if (now >= reader.state.dueNanos()) {
        happened(reader, new CpuAccessCore.Event.Due(call, now));
      }
    }
  }

  /** When something may be due. */
  long next() {
    return due.next();
  }

  /** The answer to a call, if it is the CPU's. */
  void answered(
      int attachment,
      long answeredCall,
      Operation operation,
      Errno errno,
      @Nullable SgTable table,
      long call,
      long now) {
    Reader reader = byAttachment.get(attachment);
    if (reader != null && reader.state.call() == answeredCall) {
      happened(reader, new CpuAccessCore.Event.Answered(operation, errno, table, call, now));
    }
  }

  /** The attachment is asked to be detached, perhaps once more: what is mapped goes first. */
  void detaching(int attachment, long call) {
    Reader reader = byAttachment.get(attachment);
    if (reader != null) {
      happened(reader, new CpuAccessCore.Event.Detaching(call));
      record(reader);
    }
  }

  /** The attachment is gone, as was asked. */
  void detached(int attachment) {
    Reader reader = byAttachment.get(attachment);
    if (reader != null && reader.state.phase() == CpuAccessCore.Phase.DETACHING) {
      byAttachment.remove(attachment);
    }
  }

  void exporterGone(int attachment) {
    Reader reader = byAttachment.remove(attachment);
    if (reader != null) {
      happened(reader, new CpuAccessCore.Event.ExporterGone());
      record(reader);
    }
  }

  /** Unmaps everything. */
  void close() {
    byAttachment
        .values()
        .forEach(reader -> {
          closeMapping(reader);
          record(reader);
        });
    byAttachment.clear();
  }

  private void happened(Reader reader, CpuAccessCore.Event event) {
    long before = reader.state.dueNanos();
    CpuAccessCore.Step step = CpuAccessCore.step(reader.state, event);
    reader.state = step.state();
    if (reader.state.dueNanos() != before) {
      due.add(reader.state.dueNanos(), reader);
    }
    for (CpuAccessCore.Effect effect : step.effects()) {
      switch (effect) {
        case CpuAccessCore.Effect.Ask e ->
            outbox.ask(reader.buffer, reader.attachment, e.operation(), e.call());
        case CpuAccessCore.Effect.Open e -> open(reader, e.table());
        case CpuAccessCore.Effect.Close e -> closeMapping(reader);
        case CpuAccessCore.Effect.Fault e -> faulted(reader);
        case CpuAccessCore.Effect.Access e -> {
          boolean faulted = access(reader, e.writes());
          if (event instanceof CpuAccessCore.Event.Answered a) {
            happened(reader, new CpuAccessCore.Event.Accessed(faulted, a.call(), a.nowNanos()));
          }
        }
      }
    }
  }

  private void open(Reader reader, SgTable table) {
    try {
      reader.mapping = CpuMapping.open(fabric, guard, table);
    } catch (IOException e) {
      // Severed, and its file gone: the first access finds nothing.
      reader.mapping = null;
    }
  }

  private static void closeMapping(Reader reader) {
    if (reader.mapping != null) {
      reader.mapping.close();
      reader.mapping = null;
    }
  }

  /** Whether it got SIGBUS. */
  private boolean access(Reader reader, boolean writes) {
    CpuMapping mapping = reader.mapping;
    for (int i = 0; mapping != null && i < ACCESSES; i++) {
      CpuMapping.Outcome outcome = mapping.read();
      if (outcome == CpuMapping.Outcome.FAULTED || (writes && !mapping.write())) {
        faulted(reader);
        return true;
      }
      reader.reads++;
      reader.writes += writes ? 1 : 0;
      if (outcome == CpuMapping.Outcome.LEAKED) {
        leaked(reader);
      }
    }
    if (mapping == null) {
      faulted(reader);
    }
    return mapping == null;
  }

  private void faulted(Reader reader) {
    reader.faults++;
    if (System.nanoTime() - reader.writtenNanos >= EVERY_NANOS) {
      record(reader);
    }
  }

  private void leaked(Reader reader) {
    SgTable table = reader.state.table();
    if (!reader.leaked && table != null) {
      reader.leaked = true;
      history.record(
          new HistoryEvent.Leaked(device, reader.attachment, reader.buffer, table.generation(), 1));
    }
  }

  private void record(Reader reader) {
    if (reader.reads > 0 || reader.faults > 0) {
      history.record(
          new HistoryEvent.CpuAccessed(
              device,
              reader.attachment,
              reader.buffer,
              reader.reads,
              reader.writes,
              reader.faults));
      reader.reads = 0;
      reader.writes = 0;
      reader.faults = 0;
      reader.writtenNanos = System.nanoTime();
    }
  }
}
