package dev.dmabufsim.simulator.cli;

import akka.remote.RemoteTransportException;
import dev.dmabufsim.cluster.NodeAddress;
import dev.dmabufsim.cluster.Role;
import dev.dmabufsim.common.control.NodeReport;
import dev.dmabufsim.common.fabric.Fabric;
import dev.dmabufsim.simulator.node.ControlLines;
import dev.dmabufsim.simulator.node.Node;
import dev.dmabufsim.simulator.node.NodeOptions;
import dev.dmabufsim.simulator.scenario.NodeSpec;
import dev.dmabufsim.simulator.scenario.Scenario;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
    name = "node",
    description = "Starts one node by hand, to join a cluster on named seed nodes.",
    mixinStandardHelpOptions = true)
final class NodeCommandLine implements Callable<Integer> {
  @Option(
      names = "--role",
      required = true,
      paramLabel = "ROLE",
      description = "exporter, importer or iommu.")
  private String role = "";

  @Option(
      names = "--name",
      paramLabel = "NAME",
      description = "Which node of the scenario it is (default: the first of that role).")
  private @Nullable String name;

  @Option(
      names = "--scenario",
      paramLabel = "SCENARIO",
      defaultValue = "vfio-reset",
      description = "Of which it plays one part (default: ${DEFAULT-VALUE}).")
  private String scenario = "vfio-reset";

  @Option(
      names = "--listen",
      paramLabel = "HOST:PORT",
      defaultValue = "127.0.0.1:0",
      description = "Where it listens (default: ${DEFAULT-VALUE}, a port that is free).")
  private String listen = "127.0.0.1:0";

  @Option(
      names = "--seed-nodes",
      required = true,
      split = ",",
      paramLabel = "HOST:PORT",
      description = "Whom it joins; a node that is the first of them forms a new cluster.")
  private List<String> seedNodes = new ArrayList<>();

  @Option(
      names = "--fabric",
      paramLabel = "DIR",
      defaultValue = "/dev/shm/dmabuf-sim-by-hand",
      description = "The host's shared memory, made by the first (default: ${DEFAULT-VALUE}).")
  private Path fabric = Fabric.SHM.resolve("dmabuf-sim-by-hand");

  @Option(
      names = "--history",
      paramLabel = "FILE",
      description = "Where it writes its history (default: runs/by-hand/NAME-PID.history.jsonl).")
  private @Nullable Path history;

  @Option(names = "--seed", paramLabel = "N", description = "From which sizes and offsets come.")
  private long seed = 1;

  @Option(
      names = "--rounds",
      paramLabel = "N",
      hidden = true,
      description = "How many rounds it plays, if not as many as the scenario says.")
  private @Nullable Integer rounds;

  @Option(
      names = "--driven",
      hidden = true,
      description = "A launcher drives it by its standard input and output.")
  private boolean driven;

  @Override
  public Integer call() throws IOException {
    Scenario whole = Scenarios.resolve(scenario);
    Scenario resolved = rounds == null ? whole : whole.withRounds(rounds);
    Role wanted =
        Role.labelled(role)
            .orElseThrow(
                () -> new BadInput("--role '" + role + "' is not one of " + Role.labels()));
    NodeSpec spec =
        resolved.nodes().stream()
            .filter(n -> n.role() == wanted && (name == null || n.name().equals(name)))
            .findFirst()
            .orElseThrow(() -> noSuchNode(resolved, wanted));
    NodeOptions options =
        new NodeOptions(
            resolved,
            spec,
            address(listen),
            seedNodes.stream().map(NodeCommandLine::address).toList(),
            checkedFabric(),
            history == null ? byHand(spec.name()) : history,
            seed,
            driven);
    try {
      return new Node(options, driven ? NodeCommandLine::line : NodeCommandLine::words)
          .run(System.in);
    } catch (IOException | RemoteTransportException e) {
      throw new BadInput("node " + spec.name() + " cannot start: " + e.getMessage());
    }
  }

  /** The name is what a sweep goes by: under another, a crash would leave the fabric for ever. */
  private Path checkedFabric() {
    Path name = fabric.getFileName();
    if (!Fabric.SHM.equals(fabric.getParent())
        || name == null
        || !name.toString().startsWith(Fabric.PREFIX)) {
      throw new BadInput(
          "--fabric is " + fabric + "; write " + Fabric.SHM.resolve(Fabric.PREFIX + "NAME"));
    }
    return fabric;
  }

  private static Path byHand(String node) throws IOException {
    Path directory = Files.createDirectories(Path.of("runs", "by-hand"));
    return directory.resolve(node + "-" + ProcessHandle.current().pid() + ".history.jsonl");
  }

  private BadInput noSuchNode(Scenario resolved, Role wanted) {
    List<String> names =
        resolved.nodes().stream().filter(n -> n.role() == wanted).map(NodeSpec::name).toList();
    return new BadInput(
        "--name is '%s', which is no %s of scenario %s; there are: %s"
            .formatted(name, wanted.label(), resolved.name(), String.join(", ", names)));
  }

  private static NodeAddress address(String text) {
    try {
      return NodeAddress.parse(text);
    } catch (IllegalArgumentException e) {
      throw new BadInput(String.valueOf(e.getMessage()));
    }
  }

  private static void line(NodeReport report) {
    say(ControlLines.write(report));
  }

  private static void words(NodeReport report) {
    say(
        switch (report) {
          case NodeReport.Ready r -> r.node() + ": all it needs is there";
          case NodeReport.Settled r ->
              "%s: %d attachments live, %d refused".formatted(r.node(), r.live(), r.refused());
          case NodeReport.RoundDone r ->
              "%s: round %d, %d buffers revoked and restored"
                  .formatted(r.node(), r.round(), r.revokes());
          case NodeReport.RoundsDone r -> r.node() + ": no more rounds";
          case NodeReport.Ended r -> r.node() + ": everything given back";
          case NodeReport.AtPoint r -> r.node() + ": stands at " + r.point();
          case NodeReport.Recovered r -> r.node() + ": doing DMA again: " + r.devices();
          case NodeReport.Failed r -> r.node() + ": failed: " + r.why();
        });
  }

  private static synchronized void say(String line) {
    System.out.println(line);
    System.out.flush();
  }
}
