package dev.dmabufsim.exporter;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.FenceUsage;
import dev.dmabufsim.common.fault.Planted;
import dev.dmabufsim.common.fence.DmaResv;
import dev.dmabufsim.common.message.MappingId;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.Span;
import dev.dmabufsim.exporter.BufferState.Attachment;
import dev.dmabufsim.exporter.BufferState.Mapping;
import dev.dmabufsim.exporter.BufferState.Wait;
import dev.dmabufsim.exporter.Replies.Call;
import java.util.List;

/**
 * What an importer's call does to a buffer: pin, unpin, map, unmap, detach, and the error numbers
 * of each. The part of {@link BufferCore} that the kernel has in the {@code dma_buf_*} functions;
 * those for the CPU are {@link CpuCalls}.
 *
 * <p>A call that is not legal in the attachment's state, or is made with the lock held where it
 * must not be or the other way round, is answered EINVAL and changes nothing; the kernel would
 * warn. A call repeated under its old number is answered as it was the first time; one that a later
 * call has overtaken on its way is not a call any more, and dropped.
 */
final class BufferCalls {
  private final BufferEvent.Called e;
  private final Call call;
  private final Replies replies = new Replies();
  private final SlotAsks slots = new SlotAsks();

  private BufferCalls(BufferEvent.Called e) {
    this.e = e;
    this.call = new Call(e);
  }

  static BufferState called(BufferState state, BufferEvent.Called e, List<BufferEffect> effects) {
    BufferCalls calls = new BufferCalls(e);
    BufferState next = state;
    for (int id : e.ids()) {
      next = calls.called(next, id);
    }
    calls.replies.flush(state, effects);
    calls.slots.flush(next, effects);
    return next;
  }

  private BufferState called(BufferState state, int id) {
    if (e.locked() != e.operation().locked()) {
      // dma_resv_assert_held() or, the other way round, a deadlock.
      replies.illegal(call, id);
      return state;
    }
    Attachment a = state.attachments().get(id);
    if (a == null) {
      if (e.operation() == Operation.DETACH) {
        // Detached before, and the answer was lost; there is nothing left to ask.
        replies.again(call, id);
      } else {
        replies.illegal(call, id);
      }
      return state;
    }
    if (a.process() != e.process()) {
      replies.illegal(call, id);
      return state;
    }
    Errno answered = a.answers().to(e.operation(), e.call());
    if (answered == null && a.answers().overtaken(e.operation(), e.call())) {
      replies.overtaken(call);
      return state;
    }
    return switch (e.operation()) {
      case PIN, UNPIN, MAP, IOMMUFD_MAP, UNMAP, DETACH -> {
        if (answered != null) {
          repeated(state, a, answered);
          yield state;
        }
        yield decide(state, a);
      }
      case BEGIN_CPU_ACCESS, END_CPU_ACCESS, MMAP, MUNMAP, VMAP, VUNMAP ->
          CpuCalls.called(state, a, e, answered, replies, slots);
    };
  }

  private BufferState decide(BufferState state, Attachment a) {
    return switch (e.operation()) {
      case PIN -> pin(state, a);
      case UNPIN -> unpin(state, a);
      case MAP -> map(state, interrupted(a));
      case IOMMUFD_MAP -> iommufdMap(state, interrupted(a));
      case UNMAP -> unmap(state, interrupted(a));
      case DETACH -> detach(state, a);
      case BEGIN_CPU_ACCESS, END_CPU_ACCESS, MMAP, MUNMAP, VMAP, VUNMAP -> state;
    };
  }

  private BufferState illegal(BufferState state, Attachment a) {
    replies.illegal(call, a.id());
    return state.with(a.answered(e.operation(), e.call(), Errno.EINVAL));
  }

  private BufferState failed(BufferState state, Attachment a, Errno errno) {
    replies.failed(call, a.id(), errno);
    return state.with(a.answered(e.operation(), e.call(), errno));
  }

  /** However often it is asked, it will be refused again. */
  private BufferState unreachable(BufferState state, Attachment a, Errno errno) {
    replies.unreachable(call, a.id(), errno);
    return state.with(a.answered(e.operation(), e.call(), errno));
  }

  private BufferState done(BufferState state, Attachment a) {
    replies.done(call, a.id());
    return state.with(a.answered(e.operation(), e.call(), Errno.OK));
  }

  private void repeated(BufferState state, Attachment a, Errno answered) {
    if (!answered.ok()) {
      replies.failed(call, a.id(), answered);
    } else if (e.operation() == Operation.MAP || e.operation() == Operation.IOMMUFD_MAP) {
      if (a.mapping() instanceof Mapping.Mapped(var table, long _, boolean _) && !state.revoked()) {
        replies.mappedAgain(call, table);
      } else {
        // It was mapped for that call, and a revoke takes it away or has done so: who has not had
        // the answer has answered the invalidation already, and must not begin DMA now.
        replies.failed(call, a.id(), state.revoked() ? state.refusal() : Errno.ENODEV);
      }
    } else {
      replies.again(call, a.id());
    }
  }

  /**
   * Without a pin op pin succeeds; on revoked memory it is a no-op as well. But while it moves, and
   * where it must not stay, it is not to be held: EBUSY, until it has moved ({@link BufferCore}
   * sees to that); EINVAL, as of {@code amdgpu_bo_pin()}, if others hold it there.
   */
  private BufferState pin(BufferState state, Attachment a) {
    Errno answer = state.settings().kind().pinAnswer();
    if (!answer.ok()) {
      return unreachable(state, a, answer);
    }
    if (state.moving()) {
      return failed(state, a, Errno.EBUSY);
    }
    if (!state.revoked() && Placement.misplaced(state)) {
      return Placement.holds(state) > 0
          ? unreachable(state, a, Errno.EINVAL)
          : failed(state, a, Errno.EBUSY);
    }
    return done(state, a.pins(a.pins() + 1));
  }

  private BufferState unpin(BufferState state, Attachment a) {
    return a.pins() == 0 ? illegal(state, a) : done(state, a.pins(a.pins() - 1));
  }

  /**
   * Who calls again does not wait in its map any more: a signal has broken that off. Answered as
   * {@code dma_buf_map_attachment()} documents it; what {@code dma_resv_wait_timeout()} said is
   * ERESTARTSYS.
   */
  private Attachment interrupted(Attachment a) {
    Wait wait = a.awaited();
    if (wait == null || wait.call() == e.call()) {
      return a;
    }
    replies.failed(new Call(a.process(), wait.call(), Operation.MAP), a.id(), Errno.EINTR);
    return a.waits(null).answered(Operation.MAP, wait.call(), Errno.EINTR);
  }

  private BufferState map(BufferState state, Attachment a) {
    return refusedMap(state, a) ? refuseMap(state, a) : mapPart(state, a, Span.WHOLE);
  }

  private static boolean refusedMap(BufferState state, Attachment a) {
    return (state.revoked() && !Planted.MAP_WHEN_REVOKED.planted())
        || !a.mapErrno().ok()
        || Placement.outOfReach(state, a);
  }

  private BufferState refuseMap(BufferState state, Attachment a) {
    if (state.revoked()) {
      return failed(state, a, state.refusal());
    }
    if (!a.mapErrno().ok()) {
      return unreachable(state, a, a.mapErrno());
    }
    if (!a.dynamic() && Placement.keptOut(state, a.id(), false)) {
      // Its map is a pin, too, and that is refused as any other's.
      return unreachable(state, a, Errno.EINVAL);
    }
    // It has to be moved first; BufferCore sees to that, if it is not pinned.
    return failed(state, a, Errno.EBUSY);
  }

  /** {@code vfio_pci_dma_buf_iommufd_map()}, with what iommufd itself checks before. */
  private BufferState iommufdMap(BufferState state, Attachment a) {
    if (!state.settings().kind().hasIommufdMap()) {
      return unreachable(state, a, Errno.EOPNOTSUPP);
    }
    if (!e.span().within(state.settings().bytes())) {
      return unreachable(state, a, Errno.EINVAL);
    }
    return refusedMap(state, a) ? refuseMap(state, a) : mapPart(state, a, e.span());
  }

  private BufferState mapPart(BufferState state, Attachment a, Span span) {
    return switch (a.mapping()) {
      case Mapping.Mapped m -> illegal(state, a);
      // The newest call is the one that gets the answer: the importer has given up the older.
      case Mapping.Pending p ->
          p.span().equals(span)
              ? state.with(a.mapping(new Mapping.Pending(e.operation(), e.call(), span)))
              // A slot for another part is being opened; the lock would make this one wait.
              : failed(state, a, Errno.EBUSY);
      case Mapping.None n -> request(state, a, span);
      case Mapping.Taken t -> request(state, a, span);
      case Mapping.Unmapping u -> request(state, a, span);
    };
  }

  private BufferState request(BufferState state, Attachment a, Span span) {
    if (!a.dynamic() && e.operation() == Operation.MAP) {
      // A static attachment is pinned by its map, which then waits for the kernel's own fences.
      Errno pinned = state.settings().kind().pinAnswer();
      if (!pinned.ok()) {
        return failed(state, a, pinned);
      }
      Wait wait = new Wait(e.call(), FenceUsage.KERNEL, e.nowNanos(), DmaResv.MAX_SCHEDULE_TIMEOUT);
      if (!wait.on(state.resv(), e.nowNanos(), false).over()) {
        return state.with(a.waits(wait));
      }
    }
    slots.map(a, span);
    return state.with(a.waits(null).mapping(new Mapping.Pending(e.operation(), e.call(), span)));
  }

  private BufferState unmap(BufferState state, Attachment a) {
    return switch (a.mapping()) {
      case Mapping.Mapped m -> {
        MappingId id = new MappingId(a.id(), m.table().generation(), m.table().use());
        slots.unmap(id);
        yield state.with(a.mapping(new Mapping.Unmapping(Operation.UNMAP, e.call(), id)));
      }
      case Mapping.Unmapping u ->
          state.with(a.mapping(new Mapping.Unmapping(Operation.UNMAP, e.call(), u.id())));
      // Nothing is left to be closed, but who was not told of a revoke is in his right.
      case Mapping.Taken t -> done(state, a.mapping(new Mapping.None()));
      case Mapping.None n -> illegal(state, a);
      case Mapping.Pending p -> illegal(state, a);
    };
  }

  /** Legal only when nothing is mapped. Fences stay: they are the buffer's, and signal still. */
  private BufferState detach(BufferState state, Attachment a) {
    if (held(a.mapping()) || CpuCalls.held(a.cpu()) || a.awaited() != null) {
      return illegal(state, a);
    }
    replies.done(call, a.id());
    BufferState next =
        BufferFences.detached(state.attachments(state.attachments().minus(a.id())), a);
    if (a.mapping() instanceof Mapping.Unmapping(var _, long _, MappingId id)) {
      next = next.closing(next.closing().plus(id));
    }
    if (a.cpu().slot() instanceof Mapping.Unmapping(var _, long _, MappingId id)) {
      next = next.closing(next.closing().plus(id));
    }
    next = UnrevokeSequence.returned(next, List.of(a.id()));
    Revoke revoke = next.revoke();
    return revoke == null
        ? next
        : next.revoke(
            revoke.awaiting(revoke.returns().minus(a.id()), revoke.unmaps().minus(a.id())));
  }

  static boolean held(Mapping mapping) {
    return mapping instanceof Mapping.Mapped || mapping instanceof Mapping.Pending;
  }
}
