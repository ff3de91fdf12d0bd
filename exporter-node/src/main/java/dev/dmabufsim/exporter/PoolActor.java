package dev.dmabufsim.exporter;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.AbstractBehavior;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.Receive;
import dev.dmabufsim.cluster.NodeContext;
import dev.dmabufsim.common.control.NodeReport;
import dev.dmabufsim.common.fault.FaultPoint;
import dev.dmabufsim.common.fault.FaultTrap;
import java.io.IOException;

/** Carries out what has to do with the pool's memory, one thing at a time. Blocks while it does. */
final class PoolActor extends AbstractBehavior<PoolActor.Command> {
  sealed interface Command {
    /** A completed revoke's memory, whose tenant has it already. */
    record Take(SegmentPool.Tenancy tenancy) implements Command {}

    /** A completed revoke's memory was severed. */
    record Replace(SegmentPool.Handover handover) implements Command {}

    /** A buffer wants memory. */
    record Lend(int buffer, long bytes, ActorRef<BufferActor.Command> replyTo) implements Command {}

    /** A buffer's content is to go to other memory. */
    record Move(
        int segment, long bytes, boolean drained, long epoch, ActorRef<BufferActor.Command> replyTo)
        implements Command {}

    /** Memory that was lent is not wanted. */
    record GiveBack(int segment, long bytes) implements Command {}

    /** The run is over: look through everything, then say so. */
    record Finish(Runnable done) implements Command {}
  }

  private final NodeContext node;
  private final SegmentPool pool;

  private PoolActor(ActorContext<Command> context, NodeContext node, SegmentPool pool) {
    super(context);
    this.node = node;
    this.pool = pool;
  }

  static Behavior<Command> create(NodeContext node, SegmentPool pool) {
    return Behaviors.setup(context -> new PoolActor(context, node, pool));
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(Command.Take.class, this::onTake)
        .onMessage(Command.Replace.class, m -> guarded(() -> pool.replace(m.handover())))
        .onMessage(Command.Lend.class, m -> guarded(() -> lend(m)))
        .onMessage(Command.Move.class, this::onMove)
        .onMessage(
            Command.GiveBack.class, m -> guarded(() -> pool.giveBack(m.segment(), m.bytes())))
        .onMessage(Command.Finish.class, m -> guarded(() -> finish(m)))
        .build();
  }

  private interface Action {
    void run() throws IOException;
  }

  private Behavior<Command> guarded(Action action) {
    try {
      action.run();
    } catch (IOException e) {
      // No memory, no experiment: whoever drives it must know, and decide.
      getContext().getLog().error("the pool's memory failed", e);
      node.reports()
          .accept(new NodeReport.Failed(node.self().node(), String.valueOf(e.getMessage())));
    }
    return this;
  }

  private Behavior<Command> onTake(Command.Take m) {
    pool.take(m.tenancy());
    return this;
  }

  private void lend(Command.Lend m) throws IOException {
    m.replyTo().tell(new BufferActor.Command.Lent(pool.lend(m.buffer(), m.bytes())));
  }

  private Behavior<Command> onMove(Command.Move m) {
    BufferActor.Command answer;
    try {
      SegmentPool.Copied copied = pool.move(m.segment(), m.bytes(), m.drained());
      FaultTrap.at(FaultPoint.EXPORTER_MOVE_COPIED);
      answer = new BufferActor.Command.Moved(m.epoch(), copied);
    } catch (IOException | InternalError e) {
      // No memory, which is an answer; or the buffer has had it severed, as it could not wait.
      getContext().getLog().warn("segment {} was not moved", m.segment(), e);
      answer = new BufferActor.Command.MoveFailed(m.epoch());
    }
    m.replyTo().tell(answer);
    return this;
  }

  private void finish(Command.Finish m) throws IOException {
    pool.inspectAll();
    m.done().run();
  }
}
