package dev.dmabufsim.exporter;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.message.IommuMessage.SlotRequest;
import dev.dmabufsim.common.message.IommuMessage.SlotUse;
import dev.dmabufsim.common.message.MappingId;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.exporter.BufferState.Attachment;
import dev.dmabufsim.exporter.BufferState.Mapping;
import dev.dmabufsim.exporter.BufferState.Revoke;
import java.util.ArrayList;
import java.util.List;

/**
 * What an importer's call does to a buffer: pin, unpin, map, unmap, detach, and the error numbers
 * of each. The part of {@link BufferCore} that the kernel has in the {@code dma_buf_*} functions.
 *
 * <p>A call that is not legal in the attachment's state is answered EINVAL and changes nothing; the
 * kernel would warn. A call repeated under its old number is answered as it was the first time.
 */
final class BufferCalls {
  private BufferCalls() {}

  static BufferState called(BufferState state, BufferEvent.Called e, List<BufferEffect> effects) {
    BufferState next = state;
    Replies replies = new Replies();
    List<SlotRequest> maps = new ArrayList<>();
    List<MappingId> unmaps = new ArrayList<>();
    for (int id : e.ids()) {
      Attachment a = next.attachments().get(id);
      if (a == null) {
        if (e.operation() == Operation.DETACH) {
          // Detached before, and the answer was lost; there is nothing left to ask.
          replies.again(e.process(), e.call(), id);
        } else {
          replies.illegal(e.process(), e.call(), id);
        }
      } else if (a.process() != e.process()) {
        replies.illegal(e.process(), e.call(), id);
      } else if (a.lastCall() == e.call()) {
        repeated(state, a, e, replies);
      } else {
        next =
            switch (e.operation()) {
              case PIN -> pin(next, a, e, replies);
              case UNPIN -> unpin(next, a, e, replies);
              case MAP -> map(next, a, e, replies, maps);
              case UNMAP -> unmap(next, a, e, replies, unmaps);
              case DETACH -> detach(next, a, e, replies);
              case IOMMUFD_MAP, BEGIN_CPU_ACCESS, END_CPU_ACCESS, MMAP, MUNMAP, VMAP, VUNMAP -> {
                replies.failed(e.process(), e.call(), id, Errno.EOPNOTSUPP);
                yield next;
              }
            };
      }
    }
    replies.flush(e.operation(), state, effects);
    if (!maps.isEmpty()) {
      effects.add(new BufferEffect.MapSlots(next.epoch(), maps));
    }
    if (!unmaps.isEmpty()) {
      effects.add(new BufferEffect.UnmapSlots(unmaps));
    }
    return next;
  }

  private static void repeated(
      BufferState state, Attachment a, BufferEvent.Called e, Replies replies) {
    if (!a.lastErrno().ok()) {
      replies.failed(e.process(), e.call(), a.id(), a.lastErrno());
    } else if (e.operation() == Operation.MAP) {
      if (a.mapping() instanceof Mapping.Mapped(var table, long _) && !state.revoked()) {
        replies.mappedAgain(e.process(), e.call(), table);
      } else {
        // It was mapped for that call, and a revoke takes it away or has done so: who has not had
        // the answer has answered the invalidation already, and must not begin DMA now.
        replies.failed(e.process(), e.call(), a.id(), Errno.ENODEV);
      }
    } else {
      replies.again(e.process(), e.call(), a.id());
    }
  }

  /** VFIO has no pin op, which makes pin succeed; on revoked memory it is a no-op as well. */
  private static BufferState pin(
      BufferState state, Attachment a, BufferEvent.Called e, Replies replies) {
    replies.done(e.process(), e.call(), a.id());
    return state.with(a.pins(a.pins() + 1).answered(e.call(), Errno.OK));
  }

  private static BufferState unpin(
      BufferState state, Attachment a, BufferEvent.Called e, Replies replies) {
    if (a.pins() == 0) {
      replies.illegal(e.process(), e.call(), a.id());
      return state.with(a.answered(e.call(), Errno.EINVAL));
    }
    replies.done(e.process(), e.call(), a.id());
    return state.with(a.pins(a.pins() - 1).answered(e.call(), Errno.OK));
  }

  private static BufferState map(
      BufferState state,
      Attachment a,
      BufferEvent.Called e,
      Replies replies,
      List<SlotRequest> maps) {
    if (state.revoked()) {
      replies.failed(e.process(), e.call(), a.id(), Errno.ENODEV);
      return state.with(a.answered(e.call(), Errno.ENODEV));
    }
    if (!a.mapErrno().ok()) {
      replies.unreachable(e.process(), e.call(), a.id(), a.mapErrno());
      return state.with(a.answered(e.call(), a.mapErrno()));
    }
    return switch (a.mapping()) {
      case Mapping.Mapped m -> {
        replies.illegal(e.process(), e.call(), a.id());
        yield state.with(a.answered(e.call(), Errno.EINVAL));
      }
      // The newest call is the one that gets the answer: the importer has given up the older.
      case Mapping.Pending p -> state.with(a.mapping(new Mapping.Pending(e.call())));
      case Mapping.None n -> request(state, a, e, maps);
      case Mapping.Unmapping u -> request(state, a, e, maps);
    };
  }

  private static BufferState request(
      BufferState state, Attachment a, BufferEvent.Called e, List<SlotRequest> maps) {
    maps.add(new SlotRequest(a.id(), a.deviceKey(), a.process(), SlotUse.DMA));
    return state.with(a.mapping(new Mapping.Pending(e.call())));
  }

  private static BufferState unmap(
      BufferState state,
      Attachment a,
      BufferEvent.Called e,
      Replies replies,
      List<MappingId> unmaps) {
    return switch (a.mapping()) {
      case Mapping.Mapped m -> {
        MappingId id = new MappingId(a.id(), m.table().generation(), SlotUse.DMA);
        unmaps.add(id);
        yield state.with(a.mapping(new Mapping.Unmapping(e.call(), id)));
      }
      case Mapping.Unmapping u -> state.with(a.mapping(new Mapping.Unmapping(e.call(), u.id())));
      case Mapping.None n -> {
        replies.illegal(e.process(), e.call(), a.id());
        yield state.with(a.answered(e.call(), Errno.EINVAL));
      }
      case Mapping.Pending p -> {
        replies.illegal(e.process(), e.call(), a.id());
        yield state.with(a.answered(e.call(), Errno.EINVAL));
      }
    };
  }

  private static BufferState detach(
      BufferState state, Attachment a, BufferEvent.Called e, Replies replies) {
    if (a.mapping() instanceof Mapping.Mapped || a.mapping() instanceof Mapping.Pending) {
      replies.illegal(e.process(), e.call(), a.id());
      return state.with(a.answered(e.call(), Errno.EINVAL));
    }
    replies.done(e.process(), e.call(), a.id());
    BufferState next = state.attachments(state.attachments().minus(a.id()));
    if (a.mapping() instanceof Mapping.Unmapping(long _, MappingId id)) {
      next = next.closing(next.closing().plus(id));
    }
    Revoke revoke = next.revoke();
    return revoke == null
        ? next
        : next.revoke(
            revoke.awaiting(
                revoke.returns().minus(a.id()),
                revoke.fences().minus(a.id()),
                revoke.unmaps().minus(a.id())));
  }
}
