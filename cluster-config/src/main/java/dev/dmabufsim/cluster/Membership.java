package dev.dmabufsim.cluster;

import akka.actor.typed.ActorRef;
import akka.actor.typed.javadsl.ActorContext;
import akka.cluster.MemberStatus;
import akka.cluster.typed.Cluster;
import akka.cluster.typed.SelfRemoved;
import akka.cluster.typed.SelfUp;
import akka.cluster.typed.Subscribe;

/** What a node's hub has to know of its own membership. */
public final class Membership {
  private Membership() {}

  /**
   * Has the hub told when this node is a member, be it the first. At once in a system that is no
   * cluster.
   */
  public static <C> void whenUp(ActorContext<C> hub, C message) {
    if (!clustered(hub)) {
      hub.getSelf().tell(message);
      return;
    }
    ActorRef<SelfUp> up = hub.messageAdapter(SelfUp.class, m -> message);
    Cluster.get(hub.getSystem()).subscriptions().tell(Subscribe.create(up, SelfUp.class));
  }

  private static boolean clustered(ActorContext<?> hub) {
    return hub.getSystem().settings().config().getString("akka.actor.provider").equals("cluster");
  }

  /**
   * Has the hub told when others have given this node up, because it was frozen or cut off. Soon
   * after that the node ends itself. Does nothing in a system that is no cluster.
   */
  public static <C> void whenGivenUp(ActorContext<C> hub, C message, C leftInOrder) {
    if (!clustered(hub)) {
      return;
    }
    ActorRef<SelfRemoved> removed =
        hub.messageAdapter(
            SelfRemoved.class,
            m -> m.previousStatus().equals(MemberStatus.exiting()) ? leftInOrder : message);
    Cluster.get(hub.getSystem()).subscriptions().tell(Subscribe.create(removed, SelfRemoved.class));
  }
}
