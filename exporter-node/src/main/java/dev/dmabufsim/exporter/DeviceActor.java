package dev.dmabufsim.exporter;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.AbstractBehavior;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.Receive;
import dev.dmabufsim.cluster.NodeContext;
import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.ExporterMessage;
import dev.dmabufsim.common.message.ImporterMessage;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;

/**
 * An exporter device. It negotiates attach, outside the buffers' locks as the kernel does: the
 * revoked flag that it reads may be overtaken by a revoke before the attachment is on the list.
 */
final class DeviceActor extends AbstractBehavior<DeviceActor.Command> {
  sealed interface Command {
    /** An importer's attach. */
    record Attach(ExporterMessage.Attach message) implements Command {}

    /** A buffer's flag changed. */
    record FlagChanged(int buffer, boolean revoked) implements Command {}
  }

  /** One attachment of one importer process, as that process counts. */
  private record Cookie(int process, int buffer, int cookie) {}

  /**
   * Requests answered lately. A repetition comes within some retries of the first; who asks again
   * after so many others gets a second attachment, as he would from the kernel.
   */
  private static final class Remembered<V> extends LinkedHashMap<Cookie, V> {
    private static final long serialVersionUID = 1L;
    private static final int MOST = 100_000;

    @Override
    protected boolean removeEldestEntry(Map.Entry<Cookie, V> eldest) {
      return size() > MOST;
    }
  }

  private final NodeContext node;
  private final ExporterPlan.Device plan;
  private final Map<Integer, ActorRef<BufferActor.Command>> buffers;
  private final IntSupplier nextAttachment;
  private final Set<Integer> revoked = new HashSet<>();
  private final Map<Cookie, Integer> attached = new Remembered<>();
  private final Map<Cookie, Errno> refused = new Remembered<>();

  private DeviceActor(
      ActorContext<Command> context,
      NodeContext node,
      ExporterPlan.Device plan,
      Map<Integer, ActorRef<BufferActor.Command>> buffers,
      IntSupplier nextAttachment) {
    super(context);
    this.node = node;
    this.plan = plan;
    this.buffers = buffers;
    this.nextAttachment = nextAttachment;
  }

  static Behavior<Command> create(
      NodeContext node,
      ExporterPlan.Device plan,
      Map<Integer, ActorRef<BufferActor.Command>> buffers,
      IntSupplier nextAttachment) {
    return Behaviors.setup(
        context -> new DeviceActor(context, node, plan, Map.copyOf(buffers), nextAttachment));
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(Command.Attach.class, m -> onAttach(m.message()))
        .onMessage(Command.FlagChanged.class, this::onFlagChanged)
        .build();
  }

  private Behavior<Command> onFlagChanged(Command.FlagChanged m) {
    if (m.revoked()) {
      revoked.add(m.buffer());
    } else {
      revoked.remove(m.buffer());
    }
    return this;
  }

  private Behavior<Command> onAttach(ExporterMessage.Attach m) {
    ActorRef<BufferActor.Command> buffer = buffers.get(m.buffer());
    // A repeated request, its answer lost or slow, is answered as it was: were it decided anew, an
    // importer that was refused and has asked again since would hold an attachment unawares.
    @Nullable Errno before = refusal(m);
    if (before != null) {
      reply(m, before, List.of());
      return this;
    }
    Errno errno =
        buffer == null
            ? Errno.EINVAL
            : AttachRules.decide(
                plan.kind(),
                m.offer(),
                revoked.contains(m.buffer()),
                atAttach(plan.unreachable().get(m.device())),
                m.from().fabric() == node.self().fabric());
    if (buffer == null || !errno.ok()) {
      if (m.cookies().stream().map(c -> cookie(m, c)).noneMatch(attached::containsKey)) {
        m.cookies().forEach(c -> refused.put(cookie(m, c), errno));
        node.history()
            .record(
                new HistoryEvent.AttachRefused(
                    m.buffer(), m.device(), m.kind(), errno, m.cookies().size()));
        reply(m, errno, List.of());
        return this;
      }
    }
    if (buffer == null) {
      return this;
    }
    List<Integer> ids = new ArrayList<>();
    List<Integer> fresh = new ArrayList<>();
    for (int cookie : m.cookies()) {
      ids.add(
          attached.computeIfAbsent(
              cookie(m, cookie),
              c -> {
                int id = nextAttachment.getAsInt();
                fresh.add(id);
                return id;
              }));
    }
    if (!fresh.isEmpty()) {
      buffer.tell(
          new BufferActor.Command.FromImporter(
              m.from().process(),
              m.replyTo(),
              now ->
                  new BufferEvent.Attached(
                      m.from().process(),
                      m.deviceKey(),
                      m.kind(),
                      List.copyOf(fresh),
                      atMap(plan.unreachable().get(m.device())))));
      node.history()
          .record(
              new HistoryEvent.Attached(
                  m.buffer(), m.device(), m.kind(), m.offer().revocable(), List.copyOf(fresh)));
    }
    reply(m, Errno.OK, ids);
    return this;
  }

  /** EINVAL is the answer of the map; see {@code ExporterPlan.Device}. */
  private static @Nullable Errno atAttach(@Nullable Errno unreachable) {
    return unreachable == Errno.EINVAL ? null : unreachable;
  }

  private static Errno atMap(@Nullable Errno unreachable) {
    return unreachable == Errno.EINVAL ? Errno.EINVAL : Errno.OK;
  }

  private static Cookie cookie(ExporterMessage.Attach m, int cookie) {
    return new Cookie(m.from().process(), m.buffer(), cookie);
  }

  private @Nullable Errno refusal(ExporterMessage.Attach m) {
    return m.cookies().isEmpty() ? null : refused.get(cookie(m, m.cookies().get(0)));
  }

  private void reply(ExporterMessage.Attach m, Errno errno, List<Integer> ids) {
    m.replyTo()
        .tell(
            new ImporterMessage.AttachReply(
                node.self(), m.buffer(), m.deviceKey(), errno, m.cookies(), ids));
  }
}
