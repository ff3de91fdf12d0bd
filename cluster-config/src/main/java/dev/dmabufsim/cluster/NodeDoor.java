package dev.dmabufsim.cluster;

import akka.actor.typed.ActorRef;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import dev.dmabufsim.common.message.Wire;
import java.util.function.Function;

/**
 * The actor under which a node's hub is registered and reached by other nodes: it sets the node's
 * clock by every message, and hands it on to the hub.
 *
 * <p>An actor of its own, and not a message adapter: all adapters of an actor are one reference,
 * and the receptionist does not bear the same reference as a service and as a subscriber.
 */
public final class NodeDoor {
  private NodeDoor() {}

  /** Opens it, as a child of the hub. */
  public static <M extends Wire, C> ActorRef<M> open(
      ActorContext<C> hub, NodeContext node, Function<M, C> wrap) {
    ActorRef<C> self = hub.getSelf();
    return hub.spawn(
        Behaviors.receiveMessage(message -> {
          node.history().observe(message.from().clock());
          self.tell(wrap.apply(message));
          return Behaviors.same();
        }),
        "door");
  }
}
