package dev.dmabufsim.exporter;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.AbstractBehavior;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.Receive;
import dev.dmabufsim.cluster.NodeContext;
import dev.dmabufsim.common.message.ExporterMessage;
import dev.dmabufsim.common.message.ImporterMessage;
import java.util.Map;

/**
 * An exporter device. It negotiates attach, outside the buffers' locks as the kernel does: the
 * revoked flag that it reads may be overtaken by a revoke before the attachment is on the list. It
 * decides nothing: {@link AttachCore} does.
 */
final class DeviceActor extends AbstractBehavior<DeviceActor.Command> {
  sealed interface Command {
    /** An importer's attach. */
    record Attach(ExporterMessage.Attach message) implements Command {}

    /** A buffer's flag changed. */
    record FlagChanged(int buffer, boolean revoked) implements Command {}
  }

  private final NodeContext node;
  private final Map<Integer, ActorRef<BufferActor.Command>> buffers;
  private final AttachCore core;
  private AttachCore.State state;

  private DeviceActor(
      ActorContext<Command> context,
      NodeContext node,
      Map<Integer, ActorRef<BufferActor.Command>> buffers,
      AttachCore core,
      AttachCore.State state) {
    super(context);
    this.node = node;
    this.buffers = buffers;
    this.core = core;
    this.state = state;
  }

  static Behavior<Command> create(
      NodeContext node,
      Map<Integer, ActorRef<BufferActor.Command>> buffers,
      AttachCore core,
      AttachCore.State state) {
    return Behaviors.setup(
        context -> new DeviceActor(context, node, Map.copyOf(buffers), core, state));
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(Command.Attach.class, m -> onAttach(m.message()))
        .onMessage(Command.FlagChanged.class, this::onFlagChanged)
        .build();
  }

  private Behavior<Command> onFlagChanged(Command.FlagChanged m) {
    state = core.step(state, new AttachCore.Event.FlagChanged(m.buffer(), m.revoked())).state();
    return this;
  }

  private Behavior<Command> onAttach(ExporterMessage.Attach m) {
    AttachCore.Step step =
        core.step(
            state,
            new AttachCore.Event.Asked(
                m.buffer(),
                m.from().fabric() == node.self().fabric(),
                m.device(),
                new BufferState.Importer(
                    m.from().process(), m.deviceKey(), m.kind(), m.offer(), m.ats()),
                m.cookies()));
    state = step.state();
    for (AttachCore.Effect effect : step.effects()) {
      switch (effect) {
        case AttachCore.Effect.Attach e -> toBuffer(m, e);
        case AttachCore.Effect.Note e -> node.history().record(e.event());
        case AttachCore.Effect.Reply e ->
            m.replyTo()
                .tell(
                    new ImporterMessage.AttachReply(
                        node.self(), m.buffer(), m.deviceKey(), e.errno(), e.cookies(), e.ids()));
      }
    }
    return this;
  }

  private void toBuffer(ExporterMessage.Attach m, AttachCore.Effect.Attach e) {
    ActorRef<BufferActor.Command> buffer = buffers.get(m.buffer());
    if (buffer != null) {
      buffer.tell(
          new BufferActor.Command.FromImporter(
              m.from().process(),
              m.replyTo(),
              now -> new BufferEvent.Attached(e.importer(), e.ids(), e.mapErrno(), now)));
    }
  }
}
