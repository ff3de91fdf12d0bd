package dev.dmabufsim.importer;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.ImporterKind;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.SgTable;
import dev.dmabufsim.importer.AttachmentCore.Effect;
import dev.dmabufsim.importer.AttachmentCore.Event;
import dev.dmabufsim.importer.AttachmentCore.Phase;
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
    boolean fenced;
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
  private final Map<Integer, Integer> idOfCookie = new HashMap<>();
  private final Set<Integer> refusedCookies = new HashSet<>();
  private final Set<Integer> owing = new HashSet<>();
  private long planned;
  private long lastToExporter;
  private long lastToImporter;
  private int nextId = 50;
  private long epoch;
  private int generation = 1;
  private boolean revoked;
  private boolean revoking;

  HonestHost(ImporterKind kind, long seed, double loss) {
    this.importer = new AttachmentDriver(kind);
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
        importerHears(new Event.Due(importer.newCall(), importer.now));
      } else {
        throw new AssertionError("nothing will ever happen again: " + importer.state);
      }
    }
  }

  /** The experiment is over. */
  void end() {
    importerHears(new Event.Ending(importer.newCall(), importer.now));
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

  private void importerHears(Event event) {
    importer.happens(event);
    int id = importer.state.id();
    for (Effect effect : importer.effects()) {
      switch (effect) {
        case Effect.Attach e -> toExporter(() -> attach(e.cookie()));
        case Effect.Ask e -> toExporter(() -> call(id, e.operation(), e.call()));
        case Effect.Progress e -> toExporter(() -> progress(id, e));
        case Effect.StopEngine e ->
            later(
                random.nextLong(LATENCY),
                () -> importerHears(new Event.EngineStopped(importer.newCall(), importer.now)));
        case Effect.StartEngine e -> mapped++;
        case Effect.Probe e -> refused++;
      }
    }
  }

  private void attach(int cookie) {
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
        importerHears(new Event.AttachAnswered(errno, id, importer.newCall(), importer.now));
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
      } else if (operation == Operation.MAP && (revoked || a.table == null)) {
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
      case MAP -> {
        if (revoked) {
          return Errno.ENODEV;
        }
        must(a.table == null, "mapped twice");
        a.table = new SgTable(id, 1L << 32, 4096, 0, generation, generation, true);
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
    }
    return Errno.OK;
  }

  private void answer(
      int id, Operation operation, long call, Errno errno, @Nullable SgTable table) {
    toImporter(() -> {
      // As the shell: an answer to a call that was given up is no answer.
      if (importer.state.id() == id && importer.state.call() == call) {
        importerHears(
            new Event.Answered(
                operation,
                errno,
                operation == Operation.MAP && errno.ok() ? table : null,
                importer.newCall(),
                importer.now));
      }
    });
  }

  private void revoke() {
    revoked = true;
    revoking = true;
    epoch++;
    owing.addAll(attachments.keySet());
    attachments.values().forEach(a -> a.fenced = false);
    invalidate();
    completeIfAllAnswered();
  }

  /** Tells those who owe an answer, again and again. */
  private void invalidate() {
    long now = epoch;
    for (int id : owing) {
      toImporter(() -> {
        if (importer.state.id() == id && importer.state.phase() != Phase.ATTACHING) {
          importerHears(new Event.Invalidated(now, importer.now));
        } else {
          // As the shell: the answer to the attach is still on its way.
          toExporter(() -> progress(id, new Effect.Progress(now, true, true, true)));
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

  private void progress(int id, Effect.Progress progress) {
    Exported a = attachments.get(id);
    if (revoking && progress.epoch() == epoch && a != null) {
      a.fenced |= progress.fenced();
      if (progress.unmapped()) {
        a.table = null;
      }
      completeIfAllAnswered();
    }
  }

  private void completeIfAllAnswered() {
    owing.removeIf(id -> {
      Exported a = attachments.get(id);
      return a == null || (a.fenced && a.table == null);
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
