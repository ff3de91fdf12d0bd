package dev.dmabufsim.cluster;

import akka.actor.typed.ActorSystem;
import akka.actor.typed.Behavior;
import akka.serialization.jackson.JacksonObjectMapperProvider;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigValueFactory;
import dev.dmabufsim.common.message.ExporterMessage;
import dev.dmabufsim.common.message.ImporterMessage;
import dev.dmabufsim.common.message.IommuMessage;
import java.util.List;
import java.util.Map;
import java.util.Optional;

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
    ActorSystem<T> system =
        ActorSystem.create(guardian, NodeAddress.SYSTEM, config(role, own, seeds));
    prefetchSerializers(system);
    return system;
  }

  /**
   * Makes the serializers of all messages. Jackson makes each when it is first needed, which takes
   * it some milliseconds on a busy host: without this the first revoke would wait for a dozen.
   */
  private static void prefetchSerializers(ActorSystem<?> system) {
    ObjectMapper mapper =
        JacksonObjectMapperProvider.get(system).getOrCreate("jackson-cbor", Optional.empty());
    for (Class<?> protocol :
        List.of(ExporterMessage.class, ImporterMessage.class, IommuMessage.class)) {
      for (Class<?> message : protocol.getPermittedSubclasses()) {
        mapper.writerFor(message);
        mapper.readerFor(message);
      }
    }
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
