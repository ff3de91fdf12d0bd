package dev.dmabufsim.importer;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.message.IommuMessage.SlotUse;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.SgTable;
import dev.dmabufsim.importer.AttachmentState.Phase;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Random;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * An attachment and an exporter that keeps the contract as merged, revoking and restoring over and
 * over, in virtual time. Messages keep their order, each way, and may be lost; so whatever is not
 * answered is asked again.
 */
final class HonestHost {
  private static final long LATENCY = 3_000_000;

  private record Planned(long at, long n, Runnable what) {}

  /** What the exporter knows of an attachment. */
  private static final class Exported {
    int pins;
    @Nullable SgTable table;
    boolean returned;
    final Set<Integer> fences = new HashSet<>();
    final Set<Integer> signalled = new HashSet<>();
    long lastCall = -1;
    Errno lastErrno = Errno.OK;
  }

  final AttachmentDriver importer;
  int revokes;
  int mapped;
  int refused;
  private final Random random;
  private final double loss;
  private final PriorityQueue<Planned> plans =
      new PriorityQueue<>(Comparator.comparingLong(Planned::at).thenComparingLong(Planned::n));
  private final Map<Integer, Exported> attachments = new HashMap<>();
  private final Map<Long, Integer> idOfCookie = new HashMap<>();
  private final Set<Long> refusedCookies = new HashSet<>();
  private final Set<Integer> owing = new HashSet<>();
  private long planned;
  private long lastToExporter;
  private long lastToImporter;
  private long lastOfEngine;
  private int nextId = 50;
  private long epoch;
  private int generation = 1;
  private boolean revoked;
  private boolean revoking;
  private boolean moving;

  HonestHost(AttachmentDriver importer, long seed, double loss) {
    this.importer = importer;
    this.random = new Random(seed);
    this.loss = loss;
    later(random.nextLong(100_000_000), this::revoke);
  }

  /** Goes on until that many nanoseconds have gone by, or the attachment is done. */
  void run(long nanos) {
    long end = importer.now + nanos;
    while (importer.now < end && importer.state.phase() != Phase.DONE) {
      Planned next = plans.peek();
      long due = importer.state.dueNanos();
      if (next != null && next.at() <= due) {
        plans.remove();
        importer.now = Math.max(importer.now, next.at());
        next.what().run();
      } else if (due != Long.MAX_VALUE) {
        importer.now = Math.max(importer.now, due);
        importerHears(new AttachmentEvent.Due(importer.newCall(), importer.now));
      } else {
        throw new AssertionError("nothing will ever happen again: " + importer.state);
      }
    }
  }

  /** The experiment is over. */
  void end() {
    importerHears(new AttachmentEvent.Ending(importer.newCall(), importer.now));
  }

  /** How many attachments, pins and mappings the exporter still has. */
  int left() {
    return attachments.values().stream()
        .mapToInt(a -> 1 + a.pins + (a.table == null ? 0 : 1))
        .sum();
  }

  private void later(long delay, Runnable what) {
    plans.add(new Planned(importer.now + delay, planned++, what));
  }

  /** An engine answers in order. */
  private long engine() {
    lastOfEngine = Math.max(lastOfEngine, importer.now + random.nextLong(LATENCY));
    return lastOfEngine - importer.now;
  }

  private void toExporter(Runnable what) {
    lastToExporter = Math.max(lastToExporter, importer.now + random.nextLong(LATENCY));
    if (random.nextDouble() >= loss) {
      plans.add(new Planned(lastToExporter, planned++, what));
    }
  }

  private void toImporter(Runnable what) {
    lastToImporter = Math.max(lastToImporter, importer.now + random.nextLong(LATENCY));
    if (random.nextDouble() >= loss) {
      plans.add(new Planned(lastToImporter, planned++, what));
    }
  }

  private void importerHears(AttachmentEvent event) {
    importer.happens(event);
    carryOut();
  }

  private void carryOut() {
    int id = importer.state.id();
    for (AttachmentEffect effect : importer.effects()) {
      switch (effect) {
        case AttachmentEffect.Attach e -> toExporter(() -> attach(e.cookie()));
        case AttachmentEffect.Ask e -> toExporter(() -> call(id, e.operation(), e.call()));
        case AttachmentEffect.Progress e -> toExporter(() -> progress(id, e));
        case AttachmentEffect.StopEngine e ->
            later(
                engine(),
                () ->
                    importerHears(
                        new AttachmentEvent.EngineStopped(importer.newCall(), importer.now)));
        case AttachmentEffect.ReleaseEngine e ->
            later(
                engine(),
                () ->
                    importerHears(
                        new AttachmentEvent.EngineReleased(importer.newCall(), importer.now)));
        case AttachmentEffect.StartEngine e -> mapped++;
        case AttachmentEffect.Probe e -> refused++;
      }
    }
  }

  private void attach(long cookie) {
    Errno errno =
        refusedCookies.contains(cookie) || (revoked && !idOfCookie.containsKey(cookie))
            ? Errno.ENODEV
            : Errno.OK;
    if (!errno.ok()) {
      refusedCookies.add(cookie);
    }
    int id =
        errno.ok()
            ? idOfCookie.computeIfAbsent(
                cookie,
                c -> {
                  attachments.put(nextId, new Exported());
                  return nextId++;
                })
            : 0;
    toImporter(() -> {
      // As the shell: an answer to an older request is no answer.
      if (importer.state.phase() == Phase.ATTACHING && importer.state.cookie() == cookie) {
        importerHears(
            new AttachmentEvent.AttachAnswered(errno, id, importer.newCall(), importer.now));
      }
    });
  }

  private void call(int id, Operation operation, long call) {
    Exported a = attachments.get(id);
    if (a == null) {
      // Gone: all that may still come is a detach whose answer was lost.
      must(operation == Operation.DETACH, operation + " of " + id + ", which is detached");
      answer(id, operation, call, Errno.OK, null);
    } else {
      if (a.lastCall != call) {
        a.lastErrno = carryOut(id, a, operation);
        a.lastCall = call;
      } else if (isMap(operation) && (revoked || a.table == null)) {
        a.lastErrno = Errno.ENODEV;
      }
      answer(id, operation, call, a.lastErrno, a.table);
    }
  }

  private Errno carryOut(int id, Exported a, Operation operation) {
    switch (operation) {
      case PIN -> a.pins++;
      case UNPIN -> {
        must(a.pins > 0, "unpinned without a pin");
        a.pins--;
      }
      case MAP, IOMMUFD_MAP -> {
        if (revoked) {
          return moving ? Errno.EBUSY : Errno.ENODEV;
        }
        must(a.table == null, "mapped twice");
        a.table =
            new SgTable(
                id, 1L << 32, 4096, 0, generation, generation, generation, true, SlotUse.DMA);
      }
      case UNMAP -> {
        a.table = null;
        completeIfAllAnswered();
      }
      case DETACH -> {
        must(a.pins == 0, "detached while pinned");
        if (a.table != null) {
          must(loss > 0, "detached while mapped, and no message about the unmap was lost");
          return Errno.EINVAL;
        }
        attachments.remove(id);
        completeIfAllAnswered();
      }
      case BEGIN_CPU_ACCESS, END_CPU_ACCESS, MMAP, MUNMAP, VMAP, VUNMAP ->
          throw new AssertionError("an attachment asks for " + operation);
    }
    return Errno.OK;
  }

  private static boolean isMap(Operation operation) {
    return operation == Operation.MAP || operation == Operation.IOMMUFD_MAP;
  }

  private void answer(
      int id, Operation operation, long call, Errno errno, @Nullable SgTable table) {
    toImporter(() -> {
      // As the shell: an answer to a call that was given up is no answer.
      if (importer.state.id() == id && importer.state.call() == call) {
        importerHears(
            new AttachmentEvent.Answered(
                operation,
                errno,
                isMap(operation) && errno.ok() ? table : null,
                importer.newCall(),
                importer.now));
      }
    });
  }

  private void revoke() {
    revoked = true;
    revoking = true;
    moving = random.nextInt(4) == 0;
    epoch++;
    if (importer.state.offer().revocable()) {
      owing.addAll(attachments.keySet());
    }
    attachments
        .values()
        .forEach(a -> {
          a.returned = false;
          a.fences.clear();
          a.signalled.clear();
        });
    invalidate();
    completeIfAllAnswered();
  }

  /** Tells those who owe an answer, again and again. */
  private void invalidate() {
    long now = epoch;
    for (int id : owing) {
      toImporter(() -> {
        if (importer.state.id() == id && importer.state.phase() != Phase.ATTACHING) {
          importer.invalidated(now);
          carryOut();
        } else {
          // As the shell: the answer to the attach is still on its way.
          toExporter(() -> progress(id, AttachmentEffect.Progress.nothingMapped(now)));
        }
      });
    }
    later(
        20_000_000,
        () -> {
          if (revoking && epoch == now) {
            invalidate();
          }
        });
  }

  private void progress(int id, AttachmentEffect.Progress progress) {
    Exported a = attachments.get(id);
    if (revoking && progress.epoch() == epoch && a != null) {
      a.returned |= progress.returned();
      progress.fences().forEach(f -> a.fences.add(f.index()));
      progress.signalled().forEach(f -> a.signalled.add(f.index()));
      if (progress.unmapped()) {
        a.table = null;
      }
      completeIfAllAnswered();
    }
  }

  private void completeIfAllAnswered() {
    owing.removeIf(id -> {
      Exported a = attachments.get(id);
      return a == null || (a.returned && a.table == null && a.signalled.containsAll(a.fences));
    });
    if (!revoking || !owing.isEmpty()) {
      return;
    }
    SgTable running = importer.invariants.running();
    must(running == null || running.generation() != generation, "DMA goes on after the revoke");
    revoking = false;
    revokes++;
    later(
        random.nextLong(60_000_000),
        () -> {
          revoked = false;
          generation++;
          later(random.nextLong(200_000_000), this::revoke);
        });
  }

  private static void must(boolean holds, String what) {
    if (!holds) {
      throw new AssertionError(what);
    }
  }
}
