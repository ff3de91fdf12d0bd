package dev.dmabufsim.exporter;

import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.contract.FenceUsage;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.contract.RevokeCause.After;
import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.common.fabric.BufferJournal.Phase;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.ExporterMessage.Fence;
import dev.dmabufsim.common.message.ExporterMessage.Signal;
import dev.dmabufsim.common.message.ImporterMessage.Failure;
import dev.dmabufsim.common.message.IommuMessage.SlotUse;
import dev.dmabufsim.common.message.MappingId;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.SgTable;
import dev.dmabufsim.exporter.BufferState.Attachment;
import dev.dmabufsim.exporter.BufferState.Mapping;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * What must hold of a buffer after every event, whatever the event. It keeps books of its own on
 * what importers owe and on which calls were answered, made from the contract and not from the
 * core's.
 */
final class BufferInvariants {
  private record CallKey(int process, long call) {}

  /** How a call was answered for one attachment. */
  private static final class Ledger {
    Operation operation;
    int delivered;
    int answered;
    boolean givenUp;

    Ledger(Operation operation) {
      this.operation = operation;
    }
  }

  private record FenceKey(int attachment, int index, long epoch) {}

  private static final Set<Operation> MAPS =
      EnumSet.of(Operation.MAP, Operation.IOMMUFD_MAP, Operation.MMAP, Operation.VMAP);

  private final Contract contract;
  private final Set<Long> completed = new HashSet<>();
  private final Set<Integer> dead = new HashSet<>();
  private final Set<Integer> returns = new TreeSet<>();
  private final Map<FenceKey, FenceUsage> fences = new HashMap<>();
  private final Set<Integer> mappedBefore = new TreeSet<>();
  private final Set<MappingId> cpuBefore = new HashSet<>();
  private final Set<Integer> saidUnmapped = new TreeSet<>();
  private final Map<Integer, Map<CallKey, Ledger>> callsByAttachment = new HashMap<>();
  private @Nullable RevokeCause cause;
  private long epoch;
  private boolean revoking;
  private boolean unrevoking;
  private final Set<Integer> returnsAgain = new TreeSet<>();
  private boolean left;
  private boolean saved;
  private boolean notCopied;
  private boolean lost;
  private @Nullable RevokeCause queued;
  private final Map<Integer, Integer> owners = new HashMap<>();
  private int segment = BufferDriver.SEGMENT;
  private long generation = 1;
  private boolean wakeUpSet;
  private BufferEffect.@Nullable Journal journal;

  BufferInvariants(Contract contract) {
    this.contract = contract;
  }

  /** Asserted by hand: this is done a million times, and AssertJ's assertions are objects. */
  @SuppressWarnings("AnnotateFormatMethod") // a dependency for one method of a test
  private static void must(boolean holds, String what, Object... about) {
    if (!holds) {
      throw new AssertionError(String.format(what, about));
    }
  }

  /** Checks one step. */
  void check(BufferState before, BufferEvent event, BufferCore.Step step) {
    BufferState after = step.state();
    boolean begins =
        event instanceof BufferEvent.RevokeRequested r
            && cause == null
            && (r.cause().after() != After.MOVED || holds(before) == 0);
    before.attachments().values().forEach(a -> owners.put(a.id(), a.process()));
    take(before, event);
    for (BufferEffect effect : step.effects()) {
      check(before, event, after, effect);
    }
    must(!begins || epoch > before.epoch(), "a revoke that nothing stands in the way of");
    for (int id : before.attachments().keySet()) {
      if (!after.attachments().containsKey(id)) {
        calls(id).values().forEach(ledger -> ledger.givenUp = true);
      }
    }
    checkJournal(event, after);
    check(after);
  }

  /** Should the process die now, what it leaves behind must be so. */
  private void checkJournal(BufferEvent event, BufferState after) {
    Phase phase = cause == null ? Phase.LIVE : revoking ? Phase.REVOKING : Phase.REVOKED;
    BufferEffect.Journal now = journal;
    if (now != null && now.phase() == Phase.RELEASED) {
      // Nothing comes after that, but from a test.
      return;
    }
    must(!(event instanceof BufferEvent.Released), "released, and not in the journal");
    if (now == null) {
      must(phase == Phase.LIVE, "%s, and nothing in the journal", phase);
    } else {
      must(
          now.phase() == phase && now.epoch() == after.epoch(),
          "in the journal %s, and it is %s",
          now,
          phase);
      must(
          now.segment() == segment && now.generation() == generation,
          "in the journal %s, and it is segment %d",
          now,
          segment);
    }
  }

  private static long holds(BufferState state) {
    return state.attachments().values().stream()
        .filter(a -> a.pins() > 0 || (mapped(a) && !a.revocable()))
        .count();
  }

  private Map<CallKey, Ledger> calls(int attachment) {
    return callsByAttachment.computeIfAbsent(attachment, id -> new HashMap<>());
  }

  /** Enters into the books what an event means. */
  private void take(BufferState before, BufferEvent event) {
    switch (event) {
      case BufferEvent.RevokeRequested e -> {
        unrevoking = false;
        boolean mayComeBack = cause != null && (cause.after() == After.RESTORED || lost);
        if (mayComeBack && e.cause().after() == After.DEAD) {
          cause = e.cause();
          lost = false;
        } else if (revoking && moving() && e.cause().after() != After.MOVED && queued == null) {
          queued = e.cause();
        }
      }
      case BufferEvent.Progressed e -> progressed(before, e);
      case BufferEvent.Called e -> {
        if (!dead.contains(e.process())) {
          e.ids().forEach(id -> called(before.attachments().get(id), e, id));
        }
      }
      case BufferEvent.ProcessDied e -> {
        dead.add(e.process());
        returnsAgain.removeIf(id -> owners.get(id) == e.process());
        kernelsOwnCodeReturns(before);
      }
      case BufferEvent.SlotsUnmapped e -> cpuBefore.removeAll(e.mappings());
      case BufferEvent.Ticked e -> wakeUpSet = false;
      case BufferEvent.Attached e -> {}
      case BufferEvent.SlotsMapped e -> {}
      case BufferEvent.BufferClosed e -> {}
      case BufferEvent.CopiedOut e -> {}
      case BufferEvent.MoveFailed e -> {}
      case BufferEvent.Severed e -> {}
      case BufferEvent.Restored e -> restored(before);
      case BufferEvent.Released e -> {}
    }
  }

  /** Whoever can be told is told again, and unless the IOMMU stands behind it, is waited for. */
  private void restored(BufferState before) {
    boolean lifts = cause != null && cause.after() == After.RESTORED && !revoking;
    if (!lifts || unrevoking || contract.enforced()) {
      return;
    }
    unrevoking = true;
    returnsAgain.clear();
    before.attachments().values().stream()
        .filter(a -> a.revocable() && !isDead(a))
        .forEach(a -> returnsAgain.add(a.id()));
  }

  private void progressed(BufferState before, BufferEvent.Progressed e) {
    if (dead.contains(e.process())) {
      return;
    }
    if (e.epoch() == before.epoch()) {
      List<Integer> returned = own(before, e.process(), e.returned());
      for (Fence f : e.fences()) {
        if (revoking && returned.contains(f.attachment()) && returns.contains(f.attachment())) {
          add(f, e.epoch());
        }
      }
      returns.removeAll(returned);
      returnsAgain.removeAll(returned);
      saidUnmapped.addAll(own(before, e.process(), e.unmapped()));
    }
    for (Signal s : e.signalled()) {
      if (owners.getOrDefault(s.attachment(), 0) == e.process()) {
        fences.remove(new FenceKey(s.attachment(), s.index(), e.epoch()));
      }
    }
  }

  private static List<Integer> own(BufferState state, int process, List<Integer> ids) {
    return ids.stream()
        .filter(id -> state.attachments().containsKey(id))
        .filter(id -> state.attachments().get(id).process() == process)
        .toList();
  }

  /** One takes the place of an earlier one of its context, unless that would be degraded. */
  private void add(Fence f, long at) {
    fences
        .entrySet()
        .removeIf(held ->
            held.getKey().attachment() == f.attachment()
                && held.getKey().index() == f.index()
                && held.getKey().epoch() < at
                && f.usage().compareTo(held.getValue()) <= 0);
    fences.merge(
        new FenceKey(f.attachment(), f.index(), at),
        f.usage(),
        (x, y) -> x.compareTo(y) <= 0 ? x : y);
  }

  private void owe(BufferState before) {
    returns.clear();
    mappedBefore.clear();
    cpuBefore.clear();
    saidUnmapped.clear();
    for (Attachment a : before.attachments().values()) {
      // Of who is dead nothing is waited for where a sequence is enforced.
      if (a.revocable() && !(contract.enforced() && isDead(a))) {
        returns.add(a.id());
      }
      if (a.mapping() instanceof Mapping.Mapped(var _, long _, boolean counted) && counted) {
        mappedBefore.add(a.id());
      }
      if (a.cpu().slot() instanceof Mapping.Mapped m) {
        cpuBefore.add(new MappingId(a.id(), m.table().generation(), SlotUse.CPU));
      }
    }
    kernelsOwnCodeReturns(before);
  }

  /**
   * A dead process's callback is code of the kernel's, and returns; nothing else of it comes, so
   * that a fence of one that was mapped never signals.
   */
  private void kernelsOwnCodeReturns(BufferState before) {
    if (contract.enforced()) {
      fences.keySet().removeIf(f -> isDead(before.attachments().get(f.attachment())));
      return;
    }
    returns.removeIf(id -> {
      Attachment a = before.attachments().get(id);
      if (!isDead(a)) {
        return false;
      }
      if (mapped(a)) {
        add(new Fence(id, 0, FenceUsage.BOOKKEEP), epoch);
      }
      return true;
    });
  }

  private boolean isDead(@Nullable Attachment a) {
    return a != null && dead.contains(a.process());
  }

  private static boolean forCpu(Operation operation) {
    return switch (operation) {
      case PIN, UNPIN, MAP, UNMAP, IOMMUFD_MAP, DETACH -> false;
      case BEGIN_CPU_ACCESS, END_CPU_ACCESS, MMAP, MUNMAP, VMAP, VUNMAP -> true;
    };
  }

  private void called(@Nullable Attachment a, BufferEvent.Called e, int id) {
    CallKey key = new CallKey(e.process(), e.call());
    Ledger ledger = calls(id).computeIfAbsent(key, k -> new Ledger(e.operation()));
    ledger.operation = e.operation();
    ledger.delivered++;
    if (a == null || a.process() != e.process() || e.locked() != e.operation().locked()) {
      return;
    }
    boolean cpu = forCpu(e.operation());
    if (a.answers().to(e.operation(), e.call()) != null) {
      return;
    }
    boolean pending = a.mapping() instanceof Mapping.Pending || a.awaited() != null;
    boolean unmapping = a.mapping() instanceof Mapping.Unmapping;
    boolean held =
        mapped(a)
            || pending
            || a.cpu().mmaps() > 0
            || a.cpu().vmaps() > 0
            || a.cpu().slot() instanceof Mapping.Pending;
    if (e.operation() == Operation.DETACH && !held) {
      List.of(returns, mappedBefore, returnsAgain).forEach(owed -> owed.remove(id));
    }
    // A newer call in place of an outstanding one: its caller has given the older up.
    boolean overtakes =
        switch (e.operation()) {
          case MAP, IOMMUFD_MAP -> pending || (unmapping && cause == null);
          case UNMAP -> unmapping;
          case PIN, UNPIN, DETACH -> false;
          // The CPU's calls come one after another.
          case BEGIN_CPU_ACCESS, END_CPU_ACCESS, MMAP, MUNMAP, VMAP, VUNMAP -> true;
        };
    if (overtakes) {
      calls(id)
          .forEach((other, its) ->
              its.givenUp |=
                  other.process() == e.process()
                      && other.call() != e.call()
                      // A wait that is broken off is answered.
                      && (a.awaited() == null || other.call() != a.awaited().call())
                      && (cpu
                          ? forCpu(its.operation)
                          : its.operation == Operation.MAP
                              || its.operation == Operation.IOMMUFD_MAP
                              || its.operation == Operation.UNMAP));
    }
  }

  private boolean stands(Phase phase, long at) {
    BufferEffect.Journal now = journal;
    return now != null
        && (now.phase() == Phase.RELEASED || (now.phase() == phase && now.epoch() == at));
  }

  private void check(
      BufferState before, BufferEvent event, BufferState after, BufferEffect effect) {
    switch (effect) {
      case BufferEffect.Journal e -> {
        must(
            e.phase() != Phase.REVOKED
                || !contract.enforced()
                || event instanceof BufferEvent.Severed
                || event instanceof BufferEvent.CopiedOut
                || (event instanceof BufferEvent.BufferClosed c && c.undrained().isEmpty()),
            "in the journal before it is proven: %s at %s",
            e,
            event);
        journal = e;
      }
      case BufferEffect.Reply e -> checkReply(e);
      case BufferEffect.Invalidate e -> {
        Phase phase = revoking ? Phase.REVOKING : Phase.REVOKED;
        must(stands(phase, e.epoch()), "told before it is in the journal: %s", e);
        must(revoking || unrevoking, "invalidated while neither a revoke nor an un-revoke goes on");
        must(e.epoch() == epoch && !e.ids().isEmpty(), "%s", e);
        must(
            e.ids().stream().allMatch(id -> before.attachments().get(id).revocable()),
            "who cannot be told is told: %s",
            e);
      }
      case BufferEffect.MapSlots e -> {
        must(cause == null, "slots asked for while revoked");
        must(e.epoch() == epoch && !e.requests().isEmpty(), "%s", e);
        boolean cpu = e.requests().stream().anyMatch(r -> r.use() == SlotUse.CPU);
        must(
            e.requests().stream().allMatch(r -> (r.use() == SlotUse.CPU) == cpu),
            "one question for CPU and DMA: %s",
            e);
        must(e.translated() == (cpu || contract.enforced()), "%s", e);
      }
      case BufferEffect.UnmapSlots e -> must(!e.mappings().isEmpty(), "nothing to unmap");
      case BufferEffect.CloseBuffer e -> {
        must(contract.enforced(), "nothing enforces this contract: %s", e);
        must(revoking, "closed while no revoke is in progress");
        must(e.epoch() == after.epoch(), "%s", e);
      }
      case BufferEffect.Sever e -> {
        must(contract.enforced(), "nothing enforces this contract: %s", e);
        must(revoking, "severed while no revoke is in progress");
        must(e.epoch() == after.epoch() && e.segment() == after.segment(), "%s", e);
        boolean undrained = event instanceof BufferEvent.BufferClosed c && !c.undrained().isEmpty();
        must(
            undrained
                || event instanceof BufferEvent.Ticked
                || event instanceof BufferEvent.CopiedOut
                || event instanceof BufferEvent.MoveFailed,
            "severed at %s",
            event);
        must(!moving() || saved || notCopied, "severed before the content was saved");
      }
      case BufferEffect.CopyOut e -> {
        must(revoking && moving() && e.segment() == before.segment(), "%s", e);
        must(!left, "copied twice: %s", e);
        boolean stuck =
            event instanceof BufferEvent.Ticked
                || (event instanceof BufferEvent.BufferClosed c && !c.undrained().isEmpty());
        if (!contract.enforced() || !stuck) {
          checkLeaves(event, after);
        }
        left = true;
      }
      case BufferEffect.Borrow e -> must(lost && !revoking, "it has memory, and wants other");
      case BufferEffect.GiveBack e -> {
        must(
            event instanceof BufferEvent.CopiedOut
                || event instanceof BufferEvent.Restored
                || (event instanceof BufferEvent.RevokeRequested && before.unrevoke() != null),
            "given back at %s",
            event);
        must(e.segment() != after.segment(), "gives back what it has: %s", e);
      }
      case BufferEffect.Disown e -> must(revoking && e.segment() == segment, "%s", e);
      case BufferEffect.Complete e -> {
        must(stands(Phase.REVOKED, e.epoch()), "complete before it is in the journal: %s", e);
        checkComplete(before, event, e);
      }
      case BufferEffect.HandOver e -> {
        must(
            event instanceof BufferEvent.Restored || before.unrevoke() != null,
            "handed over late at %s",
            event);
        must(e.segment() == before.segment() && completed.contains(e.epoch()), "%s", e);
      }
      case BufferEffect.Lifted e ->
          must(!unrevoking, "the exporter device is told, and the flag is set still");
      case BufferEffect.Report e -> must(!revoking, "reported while it is in progress");
      case BufferEffect.WakeAt e -> wakeUpSet = true;
      case BufferEffect.Note e -> noted(before, e.event());
    }
  }

  private boolean moving() {
    return cause != null && cause.after() == After.MOVED;
  }

  private void noted(BufferState before, HistoryEvent event) {
    if (event instanceof HistoryEvent.RevokeRequested e) {
      must(cause == null, "revoked twice: %s", e);
      must(e.cause().after() != After.MOVED || holds(before) == 0, "pinned, and moves: %s", e);
      cause = e.cause();
      epoch = e.epoch();
      revoking = true;
      left = false;
      saved = false;
      notCopied = false;
      queued = null;
      owe(before);
    }
    if (event instanceof HistoryEvent.Moved e) {
      must(revoking && moving() && left && !notCopied, "moved: %s", e);
      saved = true;
    }
    if (event instanceof HistoryEvent.MoveFailed e) {
      must(revoking && moving() && left && !saved && !notCopied, "could not be moved: %s", e);
      must(e.lost() == contract.enforced(), "what becomes of the content: %s", e);
      notCopied = true;
      if (!e.lost()) {
        cause = null;
        revoking = false;
      }
    }
    if (event instanceof HistoryEvent.Restored e) {
      must(!revoking, "restored in the middle of a revoke: %s", e);
      must(
          !unrevoking || returnsAgain.isEmpty(),
          "restored, and callbacks of %s have not returned",
          returnsAgain);
      must(!unrevoking || noFence(), "restored, and fences have not signalled: %s", fences);
      unrevoking = false;
      cause = null;
      lost = false;
      segment = e.segment();
      generation = e.generation();
    }
  }

  private void checkReply(BufferEffect.Reply reply) {
    List<Integer> answered = new ArrayList<>(reply.done());
    reply.failed().stream().map(Failure::attachment).forEach(answered::add);
    for (int id : answered) {
      Ledger ledger = calls(id).get(new CallKey(reply.process(), reply.call()));
      must(ledger != null, "nobody asked: %s", reply);
      must(ledger.operation == reply.operation(), "the answer to another operation: %s", reply);
      ledger.answered++;
      must(ledger.answered <= ledger.delivered, "%d answered too often: %s", id, reply);
    }
    must(reply.failed().stream().noneMatch(f -> f.errno().ok()), "failed with OK: %s", reply);
    boolean map = MAPS.contains(reply.operation());
    must(
        reply.tables().stream()
            .map(SgTable::attachment)
            .toList()
            .equals(map ? reply.done() : List.of()),
        "tables: %s",
        reply);
    // What vmap has cached it hands out all the same.
    must(
        !map || cause == null || reply.operation() == Operation.VMAP || reply.done().isEmpty(),
        "mapped while revoked: %s",
        reply);
  }

  private void checkComplete(
      BufferState before, BufferEvent event, BufferEffect.Complete complete) {
    must(revoking, "completed while no revoke is in progress");
    must(complete.epoch() == epoch, "%s in epoch %d", complete, epoch);
    must(complete.segment() == segment, "%s", complete);
    must(complete.generation() == generation, "%s", complete);
    must(complete.nanos() >= 0, "completed before it began: %s", complete);
    must(completed.add(complete.epoch()), "completed twice: %s", complete);
    boolean severed = event instanceof BufferEvent.Severed s && s.epoch() == complete.epoch();
    must(severed == (complete.outcome() == RevokeOutcome.SEVERED), "%s", complete);
    must(
        !severed || complete.next() != BufferEffect.Next.TENANT,
        "memory that is gone is given to somebody: %s",
        complete);
    if (moving()) {
      must(left, "moved, and nothing was copied");
      must(severed || event instanceof BufferEvent.CopiedOut, "moved at %s", event);
    } else if (contract.enforced()) {
      boolean drained =
          event instanceof BufferEvent.BufferClosed c
              && c.epoch() == complete.epoch()
              && c.undrained().isEmpty();
      must(drained || severed, "not out of reach: completed at %s", event);
      if (complete.outcome() == RevokeOutcome.ACKED) {
        checkAcked(before, event);
      }
    } else {
      checkLeaves(event, before);
    }
    if (!contract.enforced()) {
      boolean waits = contract.unmaps() != Contract.UnmapWait.NONE;
      must(
          complete.outcome() == RevokeOutcome.ASSUMED
              || (waits && complete.outcome() == RevokeOutcome.ACKED),
          "%s",
          complete);
    }
    if (contract.enforced()) {
      fences.clear();
    }
    if (moving() && saved) {
      cause = null;
    } else if (moving()) {
      must(notCopied && severed, "moved, and the content is nowhere: %s", complete);
      lost = queued == null;
      cause = queued == null ? cause : queued;
      queued = null;
    }
    revoking = false;
  }

  /** What a sequence has to have waited for when it goes on. */
  private void checkLeaves(BufferEvent event, BufferState after) {
    if (contract.enforced()) {
      return;
    }
    must(returns.isEmpty(), "callbacks of %s have not returned", returns);
    must(cpuBefore.isEmpty(), "a CPU has %s mapped", cpuBefore);
    must(noFence(), "fences have not signalled: %s", fences);
    boolean gaveUp =
        contract.unmaps() == Contract.UnmapWait.ONE_SECOND && event instanceof BufferEvent.Ticked;
    if (contract.unmaps() != Contract.UnmapWait.NONE && !gaveUp) {
      for (int id : mappedBefore) {
        must(over(after.attachments().get(id)) || justClosed(event, id), "%d is not unmapped", id);
      }
    }
  }

  /** None that this sequence waits for. */
  private boolean noFence() {
    return contract
        .fences()
        .map(usage -> fences.values().stream().noneMatch(usage::waitsFor))
        .orElse(true);
  }

  private static boolean justClosed(BufferEvent event, int id) {
    return event instanceof BufferEvent.SlotsUnmapped e
        && e.mappings().stream().anyMatch(m -> m.attachment() == id);
  }

  private void checkAcked(BufferState before, BufferEvent event) {
    must(returns.isEmpty(), "acked, and callbacks of %s have not returned", returns);
    must(fences.isEmpty(), "acked, and fences have not signalled: %s", fences);
    for (int id : mappedBefore) {
      must(
          saidUnmapped.contains(id) || !mapped(before.attachments().get(id)),
          "acked, and %d is mapped",
          id);
    }
    must(
        event instanceof BufferEvent.BufferClosed c && c.open().isEmpty(),
        "acked, and slots were open");
  }

  private static boolean mapped(@Nullable Attachment a) {
    return a != null && a.mapping() instanceof Mapping.Mapped;
  }

  /** Its slot is closed, or it never had one, or the attachment itself is gone. */
  private static boolean over(@Nullable Attachment a) {
    return a == null || a.mapping() instanceof Mapping.None;
  }

  private void check(BufferState after) {
    boolean revoked = cause != null;
    must(after.revokedBy() == cause, "the flag says %s, not %s", after.revokedBy(), cause);
    must((after.revoke() != null) == revoking, "in progress: %s", after.revoke());
    must((after.unrevoke() != null) == unrevoking, "un-revoke: %s", after.unrevoke());
    must(!unrevoking || !returnsAgain.isEmpty(), "nothing is waited for, and it is not restored");
    must(after.epoch() == epoch, "epoch %d, not %d", after.epoch(), epoch);
    must(!after.asked() || revoking, "asked, and nothing is in progress");
    must(after.queued() == null || after.moving(), "what does %s wait for?", after.queued());
    boolean takenAway = contract.enforced() && revoked && !revoking;
    for (Attachment a : after.attachments().values()) {
      must(!takenAway || !mapped(a), "mapped after an enforced revoke: %s", a);
      must(!revoked || !(a.mapping() instanceof Mapping.Pending), "maps while revoked: %s", a);
      must(!revoked || !BufferCalls.held(a.cpu().slot()), "a CPU maps while revoked: %s", a);
      must(
          !contract.enforced() || revoking || !dead.contains(a.process()),
          "its process is dead: %s",
          a);
      must(a.pins() >= 0 && a.cpu().mmaps() >= 0 && a.cpu().vmaps() >= 0, "too often: %s", a);
      must((a.cpu().cached() != null) == (a.cpu().vmaps() > 0), "vmap's cache: %s", a);
    }
    must(wakeUpSet || !after.waiting(), "nothing will ask again: %s", after);
  }

  /** Checks, once the IOMMU has answered everything, that every call was answered. */
  void checkNothingUnanswered(BufferState settled) {
    settled
        .attachments()
        .keySet()
        .forEach(id ->
            calls(id)
                .forEach((key, ledger) ->
                    must(
                        ledger.answered > 0
                            || ledger.givenUp
                            || dead.contains(key.process())
                            || awaits(settled.attachments().get(id), key.call()),
                        "%s of %s for %d is not answered",
                        ledger.operation,
                        key,
                        id)));
  }

  /** Fences may never signal, and then a call that waits for them never returns. */
  private static boolean awaits(@Nullable Attachment a, long call) {
    return a != null
        && ((a.awaited() != null && a.awaited().call() == call)
            || (a.cpu().awaited() != null && a.cpu().awaited().call() == call));
  }
}
