package dev.dmabufsim.simulator.cli;

import dev.dmabufsim.common.fabric.Fabric;
import dev.dmabufsim.common.fabric.FabricSweeper;
import dev.dmabufsim.simulator.judge.Verdict;
import dev.dmabufsim.simulator.report.Report;
import dev.dmabufsim.simulator.report.Summary;
import dev.dmabufsim.simulator.run.Run;
import dev.dmabufsim.simulator.run.RunDirectory;
import dev.dmabufsim.simulator.run.RunOptions;
import dev.dmabufsim.simulator.scenario.Scenario;
import dev.dmabufsim.simulator.scenario.ScenarioWriter;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "run",
    description = "Starts a cluster, plays a scenario on it, and judges what happened.",
    mixinStandardHelpOptions = true)
final class RunCommand implements Callable<Integer> {
  @Parameters(
      paramLabel = "SCENARIO",
      arity = "0..1",
      defaultValue = "vfio-reset",
      description = "A file, or the name of a bundled one (default: ${DEFAULT-VALUE}).")
  private String scenario = "vfio-reset";

  @Option(
      names = "--out",
      paramLabel = "DIR",
      description = "Where to keep the run (default: runs/TIME-SCENARIO).")
  private @Nullable Path out;

  @Option(
      names = "--seed",
      paramLabel = "N",
      description = "From which sizes and offsets come (default: a fresh one, printed).")
  private @Nullable Long seed;

  @Option(
      names = "--set",
      paramLabel = "KEY=VALUE",
      description = "Overrides an option of the scenario; may be repeated.")
  private List<String> sets = new ArrayList<>();

  @Option(
      names = "--fault",
      paramLabel = "FAULT",
      description =
          "One more fault, as in a scenario without braces: 'pause: importer-1, after: 1s, for: 3s';"
              + " may be repeated.")
  private List<String> faults = new ArrayList<>();

  @Option(
      names = "--machine",
      paramLabel = "FILE",
      description = "Builds the devices from what 'lspci -vv' printed; - is standard input.")
  private @Nullable String machine;

  @Option(
      names = "--allow-host-bridge",
      description = "With --machine: peer-to-peer may cross the host bridge.")
  private boolean allowHostBridge;

  @Option(
      names = "--namespaces",
      description =
          "Each node in a network namespace of its own, with its own address, so that partitions"
              + " cut the cluster's own messages, too; needs root.")
  private boolean namespaces;

  @Option(names = "--quiet", description = "Prints the summary only.")
  private boolean quiet;

  @Override
  public Integer call() throws IOException {
    if (allowHostBridge && machine == null) {
      throw new BadInput(
          "--allow-host-bridge goes with --machine; in a scenario write machine.allow-host-bridge");
    }
    // First, so that what a crashed run left does not count against this one's room.
    FabricSweeper.sweep(Fabric.SHM);
    List<String> all = new ArrayList<>(sets);
    faults.forEach(f -> all.add("faults[+]={" + f + "}"));
    Scenarios.Resolved made = Scenarios.resolve(scenario, all, machine, allowHostBridge);
    Scenario resolved = made.scenario();
    if (!namespaces) {
      checkPort(resolved.cluster().port());
    }
    long theSeed = seed != null ? seed : ThreadLocalRandom.current().nextLong(1L << 31);
    RunDirectory directory = OutDirectory.of(out, resolved.name());
    if (!quiet) {
      System.out.printf("dmabuf-sim run %s%nseed %d%n", resolved.name(), theSeed);
      made.notes().forEach(n -> System.out.println("! " + n));
      ScenarioWriter.toYaml(resolved).lines().forEach(l -> System.out.println("  " + l));
      System.out.println("into " + directory.path());
    }
    Report report;
    try {
      report =
          Run.run(
              new RunOptions(
                  resolved, theSeed, directory.path(), quiet, RunOptions.SLACK, namespaces),
              r -> print(r, directory));
    } catch (IOException e) {
      throw new BadInput("cannot run: " + e.getMessage());
    }
    return Verdict.valueOf(report.verdict().toUpperCase(Locale.ROOT)).exitStatus();
  }

  private static void print(Report report, RunDirectory directory) {
    Summary.lines(report).forEach(System.out::println);
    System.out.println("  report " + directory.report());
    System.out.flush();
  }

  /** A port in use is found before any node starts. */
  private static void checkPort(int port) {
    if (port == 0) {
      return;
    }
    try (ServerSocket probe = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
      if (probe.getLocalPort() != port) {
        throw new BadInput("cluster.port: " + port + " cannot be had");
      }
    } catch (IOException e) {
      throw new BadInput(
          "cluster.port: " + port + " is in use; name a free one, or 0 to have one picked");
    }
  }
}
