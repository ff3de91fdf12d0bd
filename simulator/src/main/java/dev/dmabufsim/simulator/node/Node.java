package dev.dmabufsim.simulator.node;

import akka.actor.typed.ActorSystem;
import dev.dmabufsim.cluster.ClusterNode;
import dev.dmabufsim.cluster.NodeContext;
import dev.dmabufsim.cluster.Role;
import dev.dmabufsim.common.control.NodeCommand;
import dev.dmabufsim.common.control.NodeReport;
import dev.dmabufsim.common.fabric.ControlFile;
import dev.dmabufsim.common.fabric.Fabric;
import dev.dmabufsim.common.fabric.FabricSweeper;
import dev.dmabufsim.common.fabric.ProcessEntry;
import dev.dmabufsim.common.fabric.ProcessIdentity;
import dev.dmabufsim.common.fault.FaultTrap;
import dev.dmabufsim.common.fault.Signals;
import dev.dmabufsim.common.history.History;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.Peer;
import dev.dmabufsim.exporter.ExporterHub;
import dev.dmabufsim.importer.ImporterHub;
import dev.dmabufsim.iommu.IommuHub;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;

/** Runs one node in this process until it is told to leave. */
public final class Node {
  private final NodeOptions options;
  private final Consumer<NodeReport> reports;

  /**
   * A node that is not started yet.
   *
   * @param reports what it reports goes here too; may be called from any thread
   */
  public Node(NodeOptions options, Consumer<NodeReport> reports) {
    this.options = options;
    this.reports = reports;
  }

  /**
   * Starts the node and returns when it has left the cluster. Blocks.
   *
   * @param commands of a driven node: one {@link NodeCommand} on a line; its end is the node's end
   * @return the exit status
   * @throws IOException if the fabric or the history cannot be had
   */
  public int run(InputStream commands) throws IOException {
    Fabric fabric =
        options.driven()
            ? Fabric.open(options.fabric())
            : Fabric.join(options.fabric(), ControlFile.DEFAULT_SLOT_CAPACITY);
    int process =
        fabric
            .control()
            .register(ProcessIdentity.self(), ProcessEntry.ROLE_NODE, options.spec().name());
    long incarnation = ThreadLocalRandom.current().nextLong();
    History history = History.toFile(options.history(), options.spec().name());
    Peer self = Peer.of(options.spec().name(), incarnation, process, fabric.control().fabricId());
    history.record(
        new HistoryEvent.NodeStarted(
            self.node(),
            options.spec().role().label(),
            ProcessHandle.current().pid(),
            incarnation,
            process));
    if (FaultTrap.ARMED) {
      // To call into the kernel for the first time takes half a second: not when a fault strikes.
      Signals.resume(ProcessHandle.current().pid());
    }
    FaultTrap.witness(trap -> {
      // Both are with the kernel when this returns: what comes next is the signal.
      history.record(new HistoryEvent.FaultPointReached(trap.point().label(), FaultTrap.revokes()));
      reports.accept(
          new NodeReport.AtPoint(self.node(), trap.point().label(), FaultTrap.revokes()));
    });
    CompletableFuture<Boolean> done = new CompletableFuture<>();
    CompletableFuture<Consumer<NodeCommand>> control = new CompletableFuture<>();
    Consumer<NodeReport> listener =
        report -> {
          reports.accept(report);
          if (!options.driven() && report instanceof NodeReport.Ready) {
            var _ = control.thenAccept(c -> c.accept(new NodeCommand.Begin()));
          }
        };
    NodeContext context =
        new NodeContext(self, fabric, history, listener, () -> done.complete(true));
    ActorSystem<?> system;
    try {
      system = start(context, control);
    } catch (RuntimeException e) {
      // Its port is in use, most likely.
      giveBack(fabric);
      throw e;
    }
    var _ = system.getWhenTerminated().thenAccept(d -> done.complete(false));
    if (options.driven()) {
      Thread.ofPlatform().daemon().name("commands").start(() -> obey(commands, control.join()));
    } else {
      Runtime.getRuntime().addShutdownHook(new Thread(() -> sweep(fabric, system), "sweep"));
    }
    boolean orderly = done.join();
    if (options.driven()) {
      // The whole cluster ends now: to leave it in order would take seconds, for nobody. Histories
      // are in the kernel's hands already.
      Runtime.getRuntime().halt(orderly ? 0 : EXIT_FAILED);
    }
    system.terminate();
    system.getWhenTerminated().toCompletableFuture().join();
    return orderly ? 0 : EXIT_FAILED;
  }

  /** Gives this node's part of the fabric back, and removes the fabric if it was the last part. */
  private static void sweep(Fabric fabric, ActorSystem<?> system) {
    try {
      // Akka's own hook is at it: when the actors are gone, nobody here uses the memory any more.
      system.getWhenTerminated().toCompletableFuture().get(LEAVE_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException | ExecutionException | TimeoutException e) {
      System.err.println("dmabuf-sim: the node did not leave the cluster in order");
    }
    giveBack(fabric);
  }

  /** A driven node's fabric is the launcher's, whose lock keeps it. */
  private static void giveBack(Fabric fabric) {
    try {
      fabric.close();
      FabricSweeper.sweep(Fabric.SHM);
    } catch (IOException e) {
      System.err.println("dmabuf-sim: " + fabric.directory() + " may be left: " + e.getMessage());
    }
  }

  private ActorSystem<?> start(
      NodeContext context, CompletableFuture<Consumer<NodeCommand>> control) {
    return switch (options.spec().role()) {
      case IOMMU -> {
        ActorSystem<IommuHub.Command> system =
            ClusterNode.start(
                IommuHub.create(context), Role.IOMMU, options.listen(), options.seeds());
        control.complete(c -> system.tell(new IommuHub.Command.Control(c)));
        yield system;
      }
      case EXPORTER -> {
        ActorSystem<ExporterHub.Command> system =
            ClusterNode.start(
                ExporterHub.create(
                    context, Plans.exporter(options.scenario(), options.spec(), options.driven())),
                Role.EXPORTER,
                options.listen(),
                options.seeds());
        control.complete(c -> system.tell(new ExporterHub.Command.Control(c)));
        yield system;
      }
      case IMPORTER -> {
        ActorSystem<ImporterHub.Command> system =
            ClusterNode.start(
                ImporterHub.create(
                    context, Plans.importer(options.scenario(), options.spec(), options.seed())),
                Role.IMPORTER,
                options.listen(),
                options.seeds());
        control.complete(c -> system.tell(new ImporterHub.Command.Control(c)));
        yield system;
      }
    };
  }

  private void obey(InputStream commands, Consumer<NodeCommand> control) {
    BufferedReader lines =
        new BufferedReader(new InputStreamReader(commands, StandardCharsets.UTF_8));
    try {
      String line;
      while ((line = lines.readLine()) != null) {
        ControlLines.command(line).ifPresent(control);
      }
    } catch (IOException e) {
      // As good as its end, which comes next: nobody can be heard any more.
      halt();
    }
    halt();
  }

  /**
   * The launcher is gone, however it went: nobody is left to report to. Not an orderly end, which
   * could hang: the fabric's other users see this process die, and that suffices.
   */
  private static void halt() {
    Runtime.getRuntime().halt(EXIT_ORPHANED);
  }

  /** The exit status of a driven node whose launcher went away. */
  public static final int EXIT_ORPHANED = 70;

  private static final long LEAVE_SECONDS = 15;

  /** The exit status of a node that could not go on. */
  private static final int EXIT_FAILED = 71;
}
