package dev.dmabufsim.exporter;

import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.common.message.ImporterMessage.Failure;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.SgTable;
import dev.dmabufsim.exporter.BufferState.Attachment;
import dev.dmabufsim.exporter.BufferState.Mapping;
import java.util.ArrayList;
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

  private final Contract contract;
  private final Set<Long> completed = new HashSet<>();
  private final Set<Integer> dead = new HashSet<>();
  private final Set<Integer> returns = new TreeSet<>();
  private final Set<Integer> fences = new TreeSet<>();
  private final Set<Integer> mappedBefore = new TreeSet<>();
  private final Set<Integer> saidUnmapped = new TreeSet<>();
  private final Map<Integer, Map<CallKey, Ledger>> callsByAttachment = new HashMap<>();
  private boolean revoked;
  private boolean revoking;
  private boolean wakeUpSet;

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
    take(before, event);
    for (BufferEffect effect : step.effects()) {
      check(before, event, after, effect);
    }
    if (event instanceof BufferEvent.Restored && revoked && !revoking) {
      revoked = false;
    }
    for (int id : before.attachments().keySet()) {
      if (!after.attachments().containsKey(id)) {
        calls(id).values().forEach(ledger -> ledger.givenUp = true);
      }
    }
    check(after);
  }

  private Map<CallKey, Ledger> calls(int attachment) {
    return callsByAttachment.computeIfAbsent(attachment, id -> new HashMap<>());
  }

  /** Enters into the books what an event means. */
  private void take(BufferState before, BufferEvent event) {
    switch (event) {
      case BufferEvent.RevokeRequested e -> {
        if (!revoked) {
          revoked = true;
          revoking = true;
          owe(before);
        }
      }
      case BufferEvent.Progressed e -> {
        if (e.epoch() == before.epoch()) {
          returns.removeAll(e.returned());
          fences.removeAll(e.fenced());
          saidUnmapped.addAll(e.unmapped());
        }
      }
      case BufferEvent.Called e -> {
        if (!dead.contains(e.process())) {
          e.ids().forEach(id -> called(before.attachments().get(id), e, id));
        }
      }
      case BufferEvent.ProcessDied e -> {
        dead.add(e.process());
        kernelsOwnCodeReturns(before);
      }
      case BufferEvent.Ticked e -> wakeUpSet = false;
      case BufferEvent.Attached e -> {}
      case BufferEvent.SlotsMapped e -> {}
      case BufferEvent.SlotsUnmapped e -> {}
      case BufferEvent.BufferClosed e -> {}
      case BufferEvent.Severed e -> {}
      case BufferEvent.Restored e -> {}
    }
  }

  private void owe(BufferState before) {
    returns.clear();
    fences.clear();
    mappedBefore.clear();
    saidUnmapped.clear();
    for (Attachment a : before.attachments().values()) {
      returns.add(a.id());
      fences.add(a.id());
      if (mapped(a)) {
        mappedBefore.add(a.id());
      }
    }
    kernelsOwnCodeReturns(before);
  }

  /** A dead process's callback is code of the kernel's, and returns; nothing else of it comes. */
  private void kernelsOwnCodeReturns(BufferState before) {
    if (!contract.enforced()) {
      returns.removeIf(id -> {
        Attachment a = before.attachments().get(id);
        return a != null && dead.contains(a.process());
      });
    }
  }

  private void called(@Nullable Attachment a, BufferEvent.Called e, int id) {
    CallKey key = new CallKey(e.process(), e.call());
    Ledger ledger = calls(id).computeIfAbsent(key, k -> new Ledger(e.operation()));
    ledger.operation = e.operation();
    ledger.delivered++;
    if (a == null || a.process() != e.process() || a.lastCall() == e.call()) {
      return;
    }
    boolean pending = a.mapping() instanceof Mapping.Pending;
    boolean unmapping = a.mapping() instanceof Mapping.Unmapping;
    if (e.operation() == Operation.DETACH && !mapped(a) && !pending) {
      List.of(returns, fences, mappedBefore).forEach(owed -> owed.remove(id));
    }
    // A newer call in place of an outstanding one: its caller has given the older up.
    boolean overtakes =
        switch (e.operation()) {
          case MAP -> pending || (unmapping && !revoked);
          case UNMAP -> unmapping;
          case PIN, UNPIN, DETACH -> false;
        };
    if (overtakes) {
      calls(id)
          .forEach((other, its) ->
              its.givenUp |=
                  other.process() == e.process()
                      && other.call() != e.call()
                      && (its.operation == Operation.MAP || its.operation == Operation.UNMAP));
    }
  }

  private void check(
      BufferState before, BufferEvent event, BufferState after, BufferEffect effect) {
    switch (effect) {
      case BufferEffect.Reply e -> checkReply(e);
      case BufferEffect.Complete e -> checkComplete(before, event, after, e);
      case BufferEffect.Invalidate e -> {
        must(revoking, "invalidated while no revoke is in progress");
        must(e.epoch() == after.epoch() && !e.ids().isEmpty(), "%s", e);
      }
      case BufferEffect.MapSlots e -> {
        must(!revoked, "slots asked for while revoked");
        must(e.epoch() == after.epoch() && !e.requests().isEmpty(), "%s", e);
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
        must(undrained || event instanceof BufferEvent.Ticked, "severed at %s", event);
      }
      case BufferEffect.WakeAt e -> wakeUpSet = true;
      case BufferEffect.Note e -> {}
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
    boolean map = reply.operation() == Operation.MAP;
    must(
        reply.tables().stream()
            .map(SgTable::attachment)
            .toList()
            .equals(map ? reply.done() : List.of()),
        "tables: %s",
        reply);
    must(!map || !revoked || reply.done().isEmpty(), "mapped while revoked: %s", reply);
  }

  private void checkComplete(
      BufferState before, BufferEvent event, BufferState after, BufferEffect.Complete complete) {
    must(revoking, "completed while no revoke is in progress");
    must(complete.epoch() == after.epoch(), "%s in epoch %d", complete, after.epoch());
    must(complete.segment() == after.segment(), "%s", complete);
    must(complete.generation() == after.generation(), "%s", complete);
    must(complete.nanos() >= 0, "completed before it began: %s", complete);
    must(completed.add(complete.epoch()), "completed twice: %s", complete);
    switch (contract) {
      case V2 -> must(returns.isEmpty(), "callbacks of %s have not returned", returns);
      case V7 -> {
        must(returns.isEmpty(), "callbacks of %s have not returned", returns);
        must(fences.isEmpty(), "fences of %s have not signalled", fences);
        for (int id : mappedBefore) {
          must(over(after.attachments().get(id)), "%d is not unmapped", id);
        }
      }
      case ENFORCED -> {
        boolean drained =
            event instanceof BufferEvent.BufferClosed c
                && c.epoch() == complete.epoch()
                && c.undrained().isEmpty();
        boolean severed = event instanceof BufferEvent.Severed s && s.epoch() == complete.epoch();
        must(drained || severed, "not out of reach: completed at %s", event);
        must(severed == (complete.outcome() == RevokeOutcome.SEVERED), "%s", complete);
        if (complete.outcome() == RevokeOutcome.ACKED) {
          checkAcked(before, event);
        }
      }
    }
    revoking = false;
  }

  private void checkAcked(BufferState before, BufferEvent event) {
    must(returns.isEmpty(), "acked, and callbacks of %s have not returned", returns);
    must(fences.isEmpty(), "acked, and fences of %s have not signalled", fences);
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
    must(after.revoked() == revoked, "the flag says %s", after.revoked());
    must((after.revoke() != null) == revoking, "in progress: %s", after.revoke());
    boolean takenAway = contract.enforced() && revoked && !revoking;
    for (Attachment a : after.attachments().values()) {
      must(!takenAway || !mapped(a), "mapped after an enforced revoke: %s", a);
      must(!revoked || !(a.mapping() instanceof Mapping.Pending), "maps while revoked: %s", a);
      must(
          !contract.enforced() || revoking || !dead.contains(a.process()),
          "its process is dead: %s",
          a);
      must(a.pins() >= 0, "unpinned too often: %s", a);
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
                        ledger.answered > 0 || ledger.givenUp || dead.contains(key.process()),
                        "%s of %s for %d is not answered",
                        ledger.operation,
                        key,
                        id)));
  }
}
