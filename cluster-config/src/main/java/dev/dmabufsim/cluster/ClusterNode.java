package dev.dmabufsim.cluster;

import akka.actor.typed.ActorSystem;
import akka.actor.typed.Behavior;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigValueFactory;
import java.util.List;
import java.util.Map;

/** Starts a node's actor system, by which it joins the cluster. */
public final class ClusterNode {
  private ClusterNode() {}

  /**
   * Starts the system and begins to join; does not wait until it is a member.
   *
   * @param own where this node listens
   * @param seeds whom it joins; a node that is the first of its own seeds forms a new cluster
   * @throws RuntimeException with a message that names the port, if it is in use
   */
  public static <T> ActorSystem<T> start(
      Behavior<T> guardian, Role role, NodeAddress own, List<NodeAddress> seeds) {
    return ActorSystem.create(guardian, NodeAddress.SYSTEM, config(role, own, seeds));
  }

  static Config config(Role role, NodeAddress own, List<NodeAddress> seeds) {
    Config specific =
        ConfigFactory.parseMap(
            Map.of(
                "akka.remote.artery.canonical.hostname",
                own.host(),
                "akka.remote.artery.canonical.port",
                own.port(),
                "akka.cluster.roles",
                ConfigValueFactory.fromIterable(List.of(role.label())),
                "akka.cluster.seed-nodes",
                ConfigValueFactory.fromIterable(seeds.stream().map(NodeAddress::akka).toList())));
    return ConfigFactory.systemProperties()
        .withFallback(specific)
        .withFallback(ConfigFactory.parseResources("cluster.conf"))
        .withFallback(ConfigFactory.defaultReference())
        .resolve();
  }
}
