package dev.dmabufsim.exporter;

import dev.dmabufsim.common.contract.DmaBufOp;
import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.FenceUsage;
import dev.dmabufsim.common.fence.DmaResv;
import dev.dmabufsim.common.message.IommuMessage.SlotUse;
import dev.dmabufsim.common.message.MappingId;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.SgTable;
import dev.dmabufsim.common.message.Span;
import dev.dmabufsim.exporter.BufferState.Attachment;
import dev.dmabufsim.exporter.BufferState.Cpu;
import dev.dmabufsim.exporter.BufferState.Mapping;
import dev.dmabufsim.exporter.BufferState.Wait;
import dev.dmabufsim.exporter.Replies.Call;
import org.jspecify.annotations.Nullable;

/**
 * What an importer's call for the CPU does to a buffer: {@code dma_buf_begin_cpu_access()}, {@code
 * dma_buf_mmap()}, {@code dma_buf_vmap()} and their opposites.
 *
 * <p>Behind all of an attachment's CPU mappings is one slot, the page-table entry, so to speak. A
 * revoke closes it, and whoever reads or writes through it then faults; the mappings themselves
 * stay until they are given up, and what vmap has cached it hands out even then.
 */
final class CpuCalls {
  private final BufferEvent.Called e;
  private final Call call;
  private final Replies replies;
  private final SlotAsks slots;

  private CpuCalls(BufferEvent.Called e, Replies replies, SlotAsks slots) {
    this.e = e;
    this.call = new Call(e);
    this.replies = replies;
    this.slots = slots;
  }

  static BufferState called(
      BufferState state,
      Attachment a,
      BufferEvent.Called e,
      @Nullable Errno answered,
      Replies replies,
      SlotAsks slots) {
    CpuCalls calls = new CpuCalls(e, replies, slots);
    if (answered != null) {
      return calls.repeated(state, a, answered);
    }
    if (a.cpu().slot() instanceof Mapping.Unmapping u && u.call() == e.call()) {
      // It is counted off already, and answered when the slot is closed.
      return state;
    }
    Wait wait = a.cpu().awaited();
    if (wait == null) {
      return calls.called(state, a);
    }
    if (wait.call() == e.call()) {
      return state;
    }
    // Who calls again does not wait any more: a signal has broken that off.
    DmaResv.Wait broken = wait.on(state.resv(), e.nowNanos(), true);
    Attachment interrupted = begun(a, wait, broken, replies);
    return calls.called(state.with(interrupted), interrupted);
  }

  private BufferState called(BufferState state, Attachment a) {
    return switch (e.operation()) {
      case BEGIN_CPU_ACCESS -> begin(state, a);
      case END_CPU_ACCESS -> done(state, a);
      case MMAP -> mmap(state, a);
      case MUNMAP -> munmap(state, a);
      case VMAP -> vmap(state, a);
      case VUNMAP -> vunmap(state, a);
      case PIN, UNPIN, MAP, IOMMUFD_MAP, UNMAP, DETACH -> state;
    };
  }

  /** Whether something is mapped, or about to be. */
  static boolean held(Cpu cpu) {
    return cpu.mmaps() > 0 || cpu.vmaps() > 0 || BufferCalls.held(cpu.slot());
  }

  /** Counts and answers a mapping whose slot the IOMMU has opened. */
  static Attachment opened(Attachment a, Mapping.Pending p, SgTable table, Replies replies) {
    Cpu cpu = a.cpu().slot(new Mapping.Mapped(table, 0, false));
    boolean vmap = p.operation() == Operation.VMAP;
    replies.mapped(
        new Call(a.process(), p.call(), p.operation()), vmap ? table : part(table, p.span()));
    Cpu next = vmap ? cpu.vmaps(cpu.vmaps() + 1, table) : cpu.mmaps(cpu.mmaps() + 1);
    return a.cpu(next).answered(p.operation(), p.call(), Errno.OK);
  }

  /** The addresses of a part of what is mapped. */
  static SgTable part(SgTable table, Span span) {
    return span.equals(Span.WHOLE)
        ? table
        : new SgTable(
            table.attachment(),
            table.iova() + span.offset(),
            span.length(),
            table.slot(),
            table.segment(),
            table.generation(),
            table.content(),
            table.translated(),
            table.use());
  }

  private BufferState done(BufferState state, Attachment a) {
    replies.done(call, a.id());
    return state.with(a.answered(e.operation(), e.call(), Errno.OK));
  }

  private BufferState failed(BufferState state, Attachment a, Errno errno) {
    replies.failed(call, a.id(), errno);
    return state.with(a.answered(e.operation(), e.call(), errno));
  }

  private BufferState illegal(BufferState state, Attachment a) {
    replies.illegal(call, a.id());
    return state.with(a.answered(e.operation(), e.call(), Errno.EINVAL));
  }

  private BufferState repeated(BufferState state, Attachment a, Errno answered) {
    Cpu cpu = a.cpu();
    if (!answered.ok()) {
      replies.failed(call, a.id(), answered);
    } else if (e.operation() == Operation.VMAP && cpu.cached() != null) {
      replies.mappedAgain(call, cpu.cached());
    } else if (e.operation() == Operation.VMAP || e.operation() == Operation.MMAP) {
      if (cpu.slot() instanceof Mapping.Mapped m) {
        replies.mappedAgain(call, part(m.table(), e.span()));
      } else if (!a.answers().overtaken(e.operation(), e.call())) {
        return closedSince(state, a);
      }
    } else {
      replies.again(call, a.id());
    }
    return state;
  }

  /**
   * It was mapped for that call, and closed before the answer came through: who is told now that it
   * failed has nothing to give back, so that is not counted any more.
   */
  private BufferState closedSince(BufferState state, Attachment a) {
    Cpu cpu = a.cpu();
    Cpu less = e.operation() == Operation.MMAP ? cpu.mmaps(Math.max(0, cpu.mmaps() - 1)) : cpu;
    return failed(state, a.cpu(less), state.revoked() ? state.refusal() : Errno.ENODEV);
  }

  /**
   * Waits for what writes to the memory, as {@code __dma_buf_begin_cpu_access()} does for a CPU
   * that reads; a revoked buffer is not refused. A signal breaks the wait off; for how long it may
   * take is the exporter's affair.
   */
  private BufferState begin(BufferState state, Attachment a) {
    long timeout =
        state.settings().kind().beginCpuAccessNanos().orElse(DmaResv.MAX_SCHEDULE_TIMEOUT);
    Wait wait = new Wait(e.call(), FenceUsage.WRITE, e.nowNanos(), timeout);
    return state.with(begun(a, wait, wait.on(state.resv(), e.nowNanos(), false), replies));
  }

  /** A wait goes on, or is answered. */
  static Attachment begun(Attachment a, Wait wait, DmaResv.Wait stands, Replies replies) {
    if (!stands.over()) {
      return a.cpu(a.cpu().waits(wait));
    }
    Call begin = new Call(a.process(), wait.call(), Operation.BEGIN_CPU_ACCESS);
    Errno errno = Wait.answer(stands);
    if (errno.ok()) {
      replies.done(begin, a.id());
    } else {
      replies.failed(begin, a.id(), errno);
    }
    return a.cpu(a.cpu().waits(null)).answered(Operation.BEGIN_CPU_ACCESS, wait.call(), errno);
  }

  private BufferState mmap(BufferState state, Attachment a) {
    if (!state.settings().kind().ops().contains(DmaBufOp.MMAP)) {
      return failed(state, a, Errno.EINVAL);
    }
    Errno range = mmapRange(e.span(), state.settings().bytes());
    if (!range.ok()) {
      return failed(state, a, range);
    }
    if (state.revoked()) {
      // The kernel would let the call succeed and the first access fault.
      return failed(state, a, state.refusal());
    }
    if (a.cpu().slot() instanceof Mapping.Mapped m) {
      replies.mapped(call, part(m.table(), e.span()));
      return state.with(
          a.cpu(a.cpu().mmaps(a.cpu().mmaps() + 1)).answered(e.operation(), e.call(), Errno.OK));
    }
    return request(state, a);
  }

  private static Errno mmapRange(Span span, long bytes) {
    if (span.equals(Span.WHOLE)) {
      return Errno.OK;
    }
    if (span.offset() < 0 || span.length() <= 0) {
      return Errno.EINVAL;
    }
    if (span.offset() + span.length() < span.offset()) {
      return Errno.EOVERFLOW;
    }
    return span.offset() + span.length() > bytes ? Errno.EINVAL : Errno.OK;
  }

  private BufferState vmap(BufferState state, Attachment a) {
    if (!state.settings().kind().ops().contains(DmaBufOp.VMAP)) {
      return failed(state, a, Errno.EINVAL);
    }
    Cpu cpu = a.cpu();
    SgTable cached = cpu.cached();
    if (cached != null) {
      // Not looked at: whether it is revoked, and whether what is cached leads anywhere still.
      replies.mapped(call, cached);
      return state.with(
          a.cpu(cpu.vmaps(cpu.vmaps() + 1, cached)).answered(e.operation(), e.call(), Errno.OK));
    }
    if (state.revoked()) {
      return failed(state, a, state.refusal());
    }
    if (cpu.slot() instanceof Mapping.Mapped m) {
      replies.mapped(call, m.table());
      return state.with(a.cpu(cpu.vmaps(1, m.table())).answered(e.operation(), e.call(), Errno.OK));
    }
    return request(state, a);
  }

  private BufferState request(BufferState state, Attachment a) {
    if (!(a.cpu().slot() instanceof Mapping.Pending)) {
      slots.mapCpu(a);
    }
    return state.with(a.cpu(new Mapping.Pending(e.operation(), e.call(), e.span())));
  }

  private BufferState munmap(BufferState state, Attachment a) {
    int mmaps = a.cpu().mmaps();
    if (mmaps == 0 && a.cpu().slot() instanceof Mapping.Pending p && p.call() != e.call()) {
      return withdraw(state, a, p);
    }
    return mmaps == 0 ? illegal(state, a) : release(state, a, a.cpu().mmaps(mmaps - 1));
  }

  /** It is given back before it was answered: the slot is closed as soon as it is open. */
  private BufferState withdraw(BufferState state, Attachment a, Mapping.Pending p) {
    MappingId id = new MappingId(a.id(), state.generation(), SlotUse.CPU);
    replies.failed(new Call(a.process(), p.call(), p.operation()), a.id(), Errno.EINTR);
    slots.unmap(id);
    Attachment broken = a.answered(p.operation(), p.call(), Errno.EINTR);
    return state.with(broken.cpu(new Mapping.Unmapping(e.operation(), e.call(), id)));
  }

  private BufferState vunmap(BufferState state, Attachment a) {
    int left = a.cpu().vmaps() - 1;
    if (left < 0 && a.cpu().slot() instanceof Mapping.Pending p && p.call() != e.call()) {
      return withdraw(state, a, p);
    }
    return left < 0
        ? illegal(state, a)
        : release(state, a, a.cpu().vmaps(left, left == 0 ? null : a.cpu().cached()));
  }

  /** The last one out closes the slot, and is answered when it is closed. */
  private BufferState release(BufferState state, Attachment a, Cpu cpu) {
    if (cpu.mmaps() > 0 || cpu.vmaps() > 0) {
      return done(state, a.cpu(cpu));
    }
    return switch (cpu.slot()) {
      case Mapping.Mapped m -> {
        MappingId id = new MappingId(a.id(), m.table().generation(), SlotUse.CPU);
        slots.unmap(id);
        yield state.with(a.cpu(cpu.slot(new Mapping.Unmapping(e.operation(), e.call(), id))));
      }
      case Mapping.Unmapping u ->
          state.with(a.cpu(cpu.slot(new Mapping.Unmapping(e.operation(), e.call(), u.id()))));
      case Mapping.None n -> done(state, a.cpu(cpu));
      case Mapping.Taken t -> done(state, a.cpu(cpu));
      case Mapping.Pending p -> done(state, a.cpu(cpu));
    };
  }
}
