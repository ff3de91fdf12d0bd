package dev.dmabufsim.exporter;

import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.contract.RevokeCause.After;
import dev.dmabufsim.common.fault.Planted;
import dev.dmabufsim.exporter.BufferState.Attachment;
import dev.dmabufsim.exporter.BufferState.Memory;
import java.util.Collection;
import java.util.List;
import org.pcollections.HashTreePSet;

/** How a revoke is lifted: the buffer has memory again, and importers may map. */
final class UnrevokeSequence {
  private UnrevokeSequence() {}

  /** An un-revoke that is not over is as if it had never begun: nobody has mapped since. */
  static BufferState overtaken(BufferState state, List<BufferEffect> effects) {
    Unrevoke unrevoke = state.unrevoke();
    if (unrevoke == null) {
      return state;
    }
    BufferState kept = state.unrevoke(null);
    BufferCore.giveBack(kept, unrevoke.memory().segment(), effects);
    effects.add(new BufferEffect.Lifted());
    return kept;
  }

  /**
   * There is memory again. {@code vfio_pci_dma_buf_move(vdev, false)}: importers are told once more
   * to invalidate, their callbacks return, and only then is the flag cleared, of which nobody is
   * told. The fences that the kernel waits for there have all signalled: the revoke has waited for
   * the same, and none was added since. An enforced sequence does without: whatever importers would
   * say, no slot is open, or the memory is gone; and an invalidation that nobody waits for may come
   * when they map again.
   */
  static BufferState restored(
      BufferState state, BufferEvent.Restored e, List<BufferEffect> effects) {
    RevokeCause cause = state.revokedBy();
    boolean waits = state.revoke() != null && !Planted.RESTORE_EARLY.planted();
    if (cause == null || waits || state.unrevoke() != null || cause.after() == After.DEAD) {
      BufferCore.giveBack(state, e.segment(), effects);
      if (state.unrevoke() == null) {
        effects.add(new BufferEffect.Lifted());
      }
      return state;
    }
    boolean system = Placement.goesTo(state);
    Memory memory = new Memory(e.segment(), e.generation(), e.generation(), system, false);
    boolean enforced = state.settings().contract().enforced();
    if (enforced || cause.after() == After.MOVED || state.revoke() != null) {
      return lift(state, memory, effects);
    }
    List<Integer> told =
        state.attachments().values().stream()
            .filter(a -> a.revocable() && !state.deadProcesses().contains(a.process()))
            .map(Attachment::id)
            .toList();
    RevokeSequence.invalidate(state, told, effects);
    Unrevoke unrevoke = new Unrevoke(memory, HashTreePSet.from(told), e.nowNanos());
    BufferState next = advance(state.unrevoke(unrevoke), effects);
    if (next.unrevoke() != null) {
      BufferCore.wake(next, e.nowNanos(), effects);
    }
    return next;
  }

  /** Their callbacks have returned, or never will. */
  static BufferState returned(BufferState state, Collection<Integer> ids) {
    Unrevoke unrevoke = state.unrevoke();
    return unrevoke == null ? state : state.unrevoke(unrevoke.returned(ids));
  }

  /** Tells those again who have not returned. */
  static void repeat(BufferState state, List<BufferEffect> effects) {
    Unrevoke unrevoke = state.unrevoke();
    if (unrevoke != null) {
      RevokeSequence.invalidate(state, unrevoke.returns(), effects);
    }
  }

  /** Clears the flag once whoever was told has returned. */
  static BufferState advance(BufferState state, List<BufferEffect> effects) {
    Unrevoke unrevoke = state.unrevoke();
    return unrevoke != null && unrevoke.returns().isEmpty()
        ? lift(state.unrevoke(null), unrevoke.memory(), effects)
        : state;
  }

  private static BufferState lift(BufferState state, Memory memory, List<BufferEffect> effects) {
    Memory old = state.memory();
    RevokeCause cause = state.revokedBy();
    if (cause != null && RevokeSequence.decodesNothing(cause, old) && !old.severed()) {
      effects.add(new BufferEffect.HandOver(state.epoch(), old.segment(), old.generation()));
    }
    BufferState next = state.memory(memory).revokedBy(null, state.epoch());
    RevokeSequence.noteRestored(next, effects);
    effects.add(new BufferEffect.Lifted());
    return next;
  }
}
