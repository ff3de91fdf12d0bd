package dev.dmabufsim.cluster;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.AbstractBehavior;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.Receive;
import akka.actor.typed.javadsl.TimerScheduler;
import akka.serialization.Serialization;
import akka.serialization.SerializationExtension;
import dev.dmabufsim.common.control.LinkRule;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.Wire;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * The actor under which a node's hub is registered and reached by other nodes: it sets the node's
 * clock by every message, and hands it on to the hub. Here the faults of the network strike as
 * well, as {@link LinkCore} decides: on the protocol's messages, and not on what Akka's nodes say
 * to each other of the cluster.
 *
 * <p>An actor of its own, and not a message adapter: all adapters of an actor are one reference,
 * and the receptionist does not bear the same reference as a service and as a subscriber.
 *
 * @param <M> what the hub is told by other nodes
 */
public final class NodeDoor<M extends Wire> {
  private final ActorRef<Object> door;

  private NodeDoor(ActorRef<Object> door) {
    this.door = door;
  }

  /** Opens it, as a child of the hub. */
  public static <M extends Wire, C> NodeDoor<M> open(
      ActorContext<C> hub, NodeContext node, Class<M> messages, Function<M, C> wrap) {
    ActorRef<C> self = hub.getSelf();
    return new NodeDoor<>(
        hub.spawn(
            Behaviors.setup(context ->
                Behaviors.withTimers(timers ->
                    new Door<>(context, timers, node, messages, m -> self.tell(wrap.apply(m))))),
            "door"));
  }

  /** Where other nodes reach the hub. */
  public ActorRef<M> address() {
    return door.narrow();
  }

  /** From now on these rules are in force, and no others. */
  public void rules(List<LinkRule> rules) {
    door.tell(new Rules(rules));
  }

  private record Rules(List<LinkRule> rules) {
    Rules {
      rules = List.copyOf(rules);
    }
  }

  private enum Timer {
    DUE
  }

  private record Held<M>(long dueNanos, long order, M message) {}

  private static final class Door<M extends Wire> extends AbstractBehavior<Object> {
    private final TimerScheduler<Object> timers;
    private final NodeContext node;
    private final String name;
    private final Class<M> messages;
    private final Consumer<M> hub;
    private final PriorityQueue<Held<M>> held =
        new PriorityQueue<>(
            Comparator.<Held<M>, Long>comparing(Held::dueNanos, (a, b) -> Long.signum(a - b))
                .thenComparingLong(Held::order));
    private LinkCore.State links;
    private long order;

    Door(
        ActorContext<Object> context,
        TimerScheduler<Object> timers,
        NodeContext node,
        Class<M> messages,
        Consumer<M> hub) {
      super(context);
      this.timers = timers;
      this.node = node;
      this.name = node.self().node();
      this.messages = messages;
      this.hub = hub;
      // Chance is not the same in two lives of a node; what struck stands in the history.
      this.links = LinkCore.State.whole(node.self().incarnation());
    }

    @Override
    public Receive<Object> createReceive() {
      return newReceiveBuilder()
          .onMessage(messages, this::onMessage)
          .onMessage(Rules.class, this::onRules)
          .onMessage(Timer.class, t -> onDue())
          .build();
    }

    private Behavior<Object> onRules(Rules m) {
      links = links.rules(m.rules());
      return this;
    }

    private Behavior<Object> onMessage(M message) {
      String from = message.from().node();
      if (links.rules().isEmpty() && held.isEmpty()) {
        deliver(message);
        return this;
      }
      long now = System.nanoTime();
      long bytes = links.weighs(from, name) ? bytes(message) : 0;
      LinkCore.Step step = LinkCore.received(links, from, name, bytes, now);
      links = step.state();
      if (step.copies().isEmpty()) {
        node.history()
            .record(
                new HistoryEvent.Dropped(
                    message.getClass().getSimpleName() + " from " + from, "lost by a fault"));
      }
      for (long due : step.copies()) {
        if (due - now <= 0) {
          deliver(message);
        } else {
          held.add(new Held<>(due, order++, message));
        }
      }
      wake(now);
      return this;
    }

    private Behavior<Object> onDue() {
      long now = System.nanoTime();
      Held<M> next;
      while ((next = held.peek()) != null && next.dueNanos() - now <= 0) {
        held.remove();
        deliver(next.message());
      }
      wake(now);
      return this;
    }

    private void wake(long now) {
      Held<M> next = held.peek();
      if (next != null) {
        timers.startSingleTimer(
            Timer.DUE, Timer.DUE, Duration.ofNanos(Math.max(1, next.dueNanos() - now)));
      }
    }

    private void deliver(M message) {
      node.history().observe(message.from().clock());
      hub.accept(message);
    }

    private long bytes(M message) {
      Serialization serialization = SerializationExtension.get(getContext().getSystem());
      return serialization.serialize(message).map(b -> b.length).getOrElse(() -> 0);
    }
  }
}
