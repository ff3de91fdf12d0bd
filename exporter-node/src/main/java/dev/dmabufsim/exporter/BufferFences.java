package dev.dmabufsim.exporter;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.FenceUsage;
import dev.dmabufsim.common.fence.DmaFence;
import dev.dmabufsim.common.fence.DmaResv;
import dev.dmabufsim.common.message.ExporterMessage.Fence;
import dev.dmabufsim.common.message.ExporterMessage.Signal;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.Span;
import dev.dmabufsim.exporter.BufferState.Attachment;
import dev.dmabufsim.exporter.BufferState.Mapping;
import dev.dmabufsim.exporter.BufferState.Wait;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.pcollections.PMap;

/** The fences on a buffer's reservation object, and the calls that wait for them. */
final class BufferFences {
  private BufferFences() {}

  /** What is left when a message's signals were heard: how many of them made no sense. */
  record Heard(BufferState state, int senseless) {}

  /**
   * Adds the fences of attachments whose callbacks return with this message: a callback adds them
   * before it returns, and none later. Told again, which happens, nothing is added.
   */
  static BufferState add(
      BufferState state, Collection<Fence> fences, Collection<Integer> returned) {
    Revoke revoke = state.revoke();
    DmaResv resv = state.resv();
    for (Fence fence : fences) {
      int id = fence.attachment();
      if (revoke != null && revoke.returns().contains(id) && returned.contains(id)) {
        long context = DmaResv.context(id, fence.index());
        resv = resv.add(DmaFence.pending(context, state.epoch()), fence.usage());
      }
    }
    return state.resv(resv);
  }

  /**
   * {@code dma_fence_signal()}. A second signal changes nothing; it is not held against who repeats
   * all that he has to say of an attachment, from its return on.
   *
   * @param process whose message it is
   * @param epoch in which the fences were added
   * @param repeated attachments whose return is said with it
   */
  static Heard signal(
      BufferState state,
      int process,
      long epoch,
      List<Signal> signals,
      Collection<Integer> repeated) {
    DmaResv resv = state.resv();
    int senseless = 0;
    Set<Integer> again = new HashSet<>(repeated);
    for (Signal signal : signals) {
      long context = DmaResv.context(signal.attachment(), signal.index());
      Attachment a = state.attachments().get(signal.attachment());
      // Who has detached may have fences still; nobody signals for somebody else.
      boolean own =
          a == null
              ? state.detached().owners().getOrDefault(signal.attachment(), 0) == process
              : a.process() == process;
      DmaResv next = own ? resv.signal(context, epoch, signal.error()) : resv;
      if (next.equals(resv) && !again.contains(signal.attachment())) {
        senseless++;
      }
      resv = next;
    }
    return new Heard(forget(state.resv(resv)), senseless);
  }

  /** An attachment leaves the list, and its fences stay. */
  static BufferState detached(BufferState state, Attachment a) {
    PMap<Integer, Integer> owners = state.detached().owners().plus(a.id(), a.process());
    return forget(state.detached(new BufferState.Detached(state.detached().closing(), owners)));
  }

  /** Forgets whose those were that have no fence left to signal. */
  private static BufferState forget(BufferState state) {
    PMap<Integer, Integer> owners = state.detached().owners();
    if (owners.isEmpty()) {
      return state;
    }
    Set<Integer> pending = new HashSet<>();
    for (DmaFence fence : state.resv().pending(FenceUsage.BOOKKEEP)) {
      pending.add(DmaResv.attachment(fence.context()));
    }
    PMap<Integer, Integer> left = owners;
    for (int id : owners.keySet()) {
      left = pending.contains(id) ? left : left.minus(id);
    }
    return state.detached(new BufferState.Detached(state.detached().closing(), left));
  }

  /**
   * A dead importer that was mapped, and whose callback had not returned: that callback is code of
   * the kernel's and does return, with a fence that nobody will signal.
   */
  static BufferState abandoned(BufferState state, int id) {
    return state.resv(
        state
            .resv()
            .add(DmaFence.pending(DmaResv.context(id, 0), state.epoch()), FenceUsage.BOOKKEEP));
  }

  /** Signals all that is pending, with an error: the memory that it was about is out of reach. */
  static BufferState signalAll(BufferState state) {
    DmaResv resv = state.resv();
    for (DmaFence fence : resv.pending(FenceUsage.BOOKKEEP)) {
      resv = resv.signal(fence.context(), fence.seqno(), Errno.ENODEV);
    }
    return forget(state.resv(resv));
  }

  /** Drops the fences of these attachments: nobody will signal them. */
  static BufferState drop(BufferState state, Collection<Integer> ids) {
    Set<Integer> dropped = new HashSet<>(ids);
    return state.resv(
        state.resv().without(context -> dropped.contains(DmaResv.attachment(context))));
  }

  /**
   * Lets those calls go on that need not wait any more, and those that have waited for too long.
   */
  static BufferState wake(BufferState state, long nowNanos, List<BufferEffect> effects) {
    BufferState next = state;
    Replies replies = new Replies();
    SlotAsks slots = new SlotAsks();
    for (Attachment a : state.attachments().values()) {
      Attachment woken = a;
      Wait map = a.awaited();
      if (map != null && map.on(state.resv(), nowNanos, false).done()) {
        slots.map(a, Span.WHOLE);
        woken =
            woken.waits(null).mapping(new Mapping.Pending(Operation.MAP, map.call(), Span.WHOLE));
      }
      Wait begin = a.cpu().awaited();
      if (begin != null) {
        woken = CpuCalls.begun(woken, begin, begin.on(state.resv(), nowNanos, false), replies);
      }
      next = woken.equals(a) ? next : next.with(woken);
    }
    replies.flush(state, effects);
    slots.flush(next, effects);
    return next;
  }
}
