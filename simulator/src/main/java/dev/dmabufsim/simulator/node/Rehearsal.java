package dev.dmabufsim.simulator.node;

import akka.actor.typed.ActorSystem;
import akka.actor.typed.Behavior;
import dev.dmabufsim.cluster.ClusterNode;
import dev.dmabufsim.cluster.NodeAddress;
import dev.dmabufsim.cluster.NodeContext;
import dev.dmabufsim.common.control.NodeCommand;
import dev.dmabufsim.common.control.NodeReport;
import dev.dmabufsim.common.fabric.Fabric;
import dev.dmabufsim.common.fabric.ProcessEntry;
import dev.dmabufsim.common.fabric.ProcessIdentity;
import dev.dmabufsim.common.history.History;
import dev.dmabufsim.common.message.Peer;
import dev.dmabufsim.exporter.ExporterHub;
import dev.dmabufsim.importer.ImporterHub;
import dev.dmabufsim.iommu.IommuHub;
import dev.dmabufsim.simulator.scenario.NodeSpec;
import dev.dmabufsim.simulator.scenario.Scenario;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * Plays a small scenario with all of its nodes in this one JVM. It judges nothing: it is for the
 * JVM, which at its end writes down what it has loaded and linked ({@code -XX:AOTCacheOutput}), so
 * that the JVMs of later runs start in half the time.
 */
public final class Rehearsal {
  private static final long LIMIT_SECONDS = 60;

  private final Scenario scenario;
  private final BlockingQueue<NodeReport> reports = new LinkedBlockingQueue<>();
  private final Map<String, Consumer<NodeCommand>> nodes = new HashMap<>();

  private Rehearsal(Scenario scenario) {
    this.scenario = scenario;
  }

  /**
   * Plays it. Blocks for some seconds.
   *
   * @throws IOException if there is no room, or the cluster does not form in time
   */
  public static void play(Scenario scenario) throws IOException {
    Fabric fabric = Fabric.create(Fabric.SHM, 1024);
    Path histories = Files.createTempDirectory("dmabuf-sim-rehearsal");
    try {
      new Rehearsal(scenario).play(fabric, histories);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      fabric.remove();
      for (NodeSpec spec : scenario.nodes()) {
        Files.deleteIfExists(histories.resolve(spec.name()));
      }
      Files.delete(histories);
    }
  }

  private void play(Fabric fabric, Path histories) throws IOException, InterruptedException {
    NodeAddress seed;
    try (ServerSocket probe = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      seed = new NodeAddress("127.0.0.1", probe.getLocalPort());
    }
    for (NodeSpec spec : scenario.nodes()) {
      int process =
          fabric.control().register(ProcessIdentity.self(), ProcessEntry.ROLE_NODE, spec.name());
      NodeContext context =
          new NodeContext(
              Peer.of(spec.name(), process, process, fabric.control().fabricId()),
              fabric,
              History.toFile(histories.resolve(spec.name()), spec.name()),
              reports::add,
              () -> reports.add(new NodeReport.Ended(spec.name())));
      switch (spec.role()) {
        case IOMMU ->
            add(spec, seed, seed, IommuHub.create(context), IommuHub.Command.Control::new);
        case EXPORTER ->
            add(
                spec,
                new NodeAddress(seed.host(), 0),
                seed,
                ExporterHub.create(context, Plans.exporter(scenario, spec, true)),
                ExporterHub.Command.Control::new);
        case IMPORTER ->
            add(
                spec,
                new NodeAddress(seed.host(), 0),
                seed,
                ImporterHub.create(context, Plans.importer(scenario, spec, 1)),
                ImporterHub.Command.Control::new);
      }
    }
    await(NodeReport.Ready.class, scenario.nodes().size());
    tell(new NodeCommand.Begin());
    await(NodeReport.RoundsDone.class, 1);
    tell(new NodeCommand.End());
    await(NodeReport.Ended.class, 1);
    tell(new NodeCommand.Leave());
    await(NodeReport.Ended.class, scenario.nodes().size());
  }

  private <C> void add(
      NodeSpec spec,
      NodeAddress listen,
      NodeAddress seed,
      Behavior<C> guardian,
      Function<NodeCommand, C> wrap) {
    ActorSystem<C> system = ClusterNode.start(guardian, spec.role(), listen, List.of(seed));
    nodes.put(spec.name(), c -> system.tell(wrap.apply(c)));
  }

  private void tell(NodeCommand command) {
    nodes.values().forEach(n -> n.accept(command));
  }

  private void await(Class<? extends NodeReport> kind, int count)
      throws IOException, InterruptedException {
    for (int seen = 0; seen < count; ) {
      NodeReport report = reports.poll(LIMIT_SECONDS, TimeUnit.SECONDS);
      if (report == null) {
        throw new IOException("no " + kind.getSimpleName() + " within " + LIMIT_SECONDS + " s");
      }
      if (kind.isInstance(report)) {
        seen++;
      }
    }
  }
}
