package dev.dmabufsim.simulator.run;

import dev.dmabufsim.cluster.NodeAddress;
import dev.dmabufsim.common.control.NodeCommand;
import dev.dmabufsim.common.control.NodeReport;
import dev.dmabufsim.common.fault.FaultTrap;
import dev.dmabufsim.common.fault.Signals;
import dev.dmabufsim.simulator.node.ControlLines;
import dev.dmabufsim.simulator.scenario.NodeSpec;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/** A node that this launcher started: a JVM, driven through its standard input and output. */
final class NodeProcess {
  private static final Path SETSID = Path.of("/usr/bin/setsid");

  private final NodeSpec spec;
  private final Process process;
  private final Writer commands;
  private volatile boolean killed;

  private NodeProcess(NodeSpec spec, Process process) {
    this.spec = spec;
    this.process = process;
    this.commands =
        new BufferedWriter(
            new OutputStreamWriter(process.getOutputStream(), StandardCharsets.UTF_8));
  }

  /**
   * What every node of a run is started with.
   *
   * @param directory where histories and logs go
   * @param fabric the shared memory
   * @param seed of the run
   */
  record Launch(RunDirectory directory, Path fabric, long seed) {}

  /**
   * What this node is started with.
   *
   * @param spec what it is
   * @param listen where it listens
   * @param seedNodes whom it joins
   * @param traps where it strikes itself
   * @param restarts how often it was started before
   * @param rounds how many rounds it has to play
   * @param within what stands before the command: of what runs it elsewhere
   */
  record Start(
      NodeSpec spec,
      NodeAddress listen,
      List<NodeAddress> seedNodes,
      List<FaultTrap.Trap> traps,
      int restarts,
      int rounds,
      List<String> within) {
    Start {
      seedNodes = List.copyOf(seedNodes);
      traps = List.copyOf(traps);
      within = List.copyOf(within);
    }
  }

  /**
   * Starts a node.
   *
   * @param onReport called for each report, by a thread of this node's
   * @param onExit called once, with the exit status
   */
  static NodeProcess start(
      Start start, Launch launch, Consumer<NodeReport> onReport, BiConsumer<String, Integer> onExit)
      throws IOException {
    NodeSpec spec = start.spec();
    List<String> command = new ArrayList<>();
    if (Files.isExecutable(SETSID)) {
      // A session of its own: Ctrl-C at the terminal reaches the launcher, which stops its nodes in
      // order and keeps what they gathered; it must not reach them behind its back.
      command.add(SETSID.toString());
    }
    command.addAll(start.within());
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(jvmFlags(spec, launch.directory()));
    if (!start.traps().isEmpty()) {
      command.add(
          "-D"
              + FaultTrap.PROPERTY
              + "="
              + start.traps().stream().map(FaultTrap.Trap::text).collect(Collectors.joining(",")));
    }
    command.addAll(
        List.of(
            "-cp",
            System.getProperty("java.class.path"),
            "dev.dmabufsim.simulator.cli.Main",
            "node",
            "--driven",
            "--role",
            spec.role().label(),
            "--name",
            spec.name(),
            "--listen",
            start.listen().toString(),
            "--seed-nodes",
            start.seedNodes().stream().map(NodeAddress::toString).collect(Collectors.joining(",")),
            "--scenario",
            launch.directory().scenario().toAbsolutePath().toString(),
            "--fabric",
            launch.fabric().toString(),
            "--history",
            launch.directory().history(spec.name(), start.restarts()).toAbsolutePath().toString(),
            "--seed",
            Long.toString(launch.seed()),
            "--rounds",
            Integer.toString(start.rounds())));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    NodeProcess node = new NodeProcess(spec, process);
    Path log = launch.directory().log(spec.name());
    Thread.ofPlatform()
        .daemon()
        .name("output-" + spec.name())
        .start(() -> node.listen(log, onReport, onExit));
    return node;
  }

  /** Small heaps: they run five to a host of two cores. Stated here, never left to the user. */
  private static List<String> jvmFlags(NodeSpec spec, RunDirectory directory) {
    List<String> flags =
        new ArrayList<>(
            List.of(
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow",
                "-XX:+UseSerialGC",
                "-Xms64m",
                "-Xmx512m",
                "-XX:-UsePerfData",
                "-XX:+ExitOnOutOfMemoryError",
                "-Dlogback.configurationFile=logback-node.xml",
                "-Ddmabufsim.log=" + directory.log(spec.name()).toAbsolutePath()));
    String cache = System.getProperty("dmabufsim.aot", "");
    if (!cache.isEmpty()) {
      // One that does not fit is ignored, and that is no news.
      flags.addAll(List.of("-XX:AOTCache=" + cache, "-Xlog:disable"));
    }
    switch (spec.role()) {
      // Engines live by the optimising compiler. Four times as hot as usual: what only a start runs
      // is not worth its time, which all nodes of the host then wait for.
      case IMPORTER -> flags.add("-XX:CompileThresholdScaling=4");
      // Start-up matters more than peak speed.
      case EXPORTER, IOMMU -> flags.add("-XX:TieredStopAtLevel=1");
    }
    return flags;
  }

  private void listen(Path log, Consumer<NodeReport> onReport, BiConsumer<String, Integer> onExit) {
    try (BufferedReader out =
            new BufferedReader(
                new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
        Writer chatter =
            Files.newBufferedWriter(log, StandardOpenOption.CREATE, StandardOpenOption.APPEND)) {
      String line;
      while ((line = out.readLine()) != null) {
        var report = ControlLines.read(line);
        if (report.isPresent()) {
          onReport.accept(report.get());
        } else {
          chatter.write(line + "\n");
          chatter.flush();
        }
      }
    } catch (IOException e) {
      // To kill a process closes its streams on this side, too, and this may be reading just then.
      if (!killed) {
        onReport.accept(new NodeReport.Failed(spec.name(), "its output: " + e.getMessage()));
      }
    }
    onExit.accept(spec.name(), awaitExit());
  }

  private int awaitExit() {
    try {
      return process.waitFor();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return -1;
    }
  }

  /** What it is. */
  NodeSpec spec() {
    return spec;
  }

  /** Its process id. */
  long pid() {
    return process.pid();
  }

  /** Whether its process runs. */
  boolean alive() {
    return process.isAlive();
  }

  /** Tells it what to do. A node that is gone is not told. */
  void tell(NodeCommand command) {
    try {
      commands.write(ControlLines.write(command) + "\n");
      commands.flush();
    } catch (IOException e) {
      // It is dead, and its exit tells so.
      return;
    }
  }

  /** SIGSTOP. */
  void stop() {
    if (process.isAlive()) {
      Signals.stop(process.pid());
    }
  }

  /**
   * Whether its process stands still: who stops itself says so first, and a SIGCONT that comes
   * before the stop is none.
   */
  boolean stopped() {
    try {
      String stat = Files.readString(Path.of("/proc", Long.toString(process.pid()), "stat"));
      // PID (COMMAND) STATE …, and a command may have any character.
      return stat.charAt(stat.lastIndexOf(')') + 2) == 'T';
    } catch (IOException e) {
      // It is gone.
      return false;
    }
  }

  /** SIGCONT. */
  void resume() {
    if (process.isAlive()) {
      Signals.resume(process.pid());
    }
  }

  /** SIGKILL. */
  void kill() {
    killed = true;
    process.destroyForcibly();
  }

  /** Closes its standard input, upon which it halts. */
  void abandon() {
    try {
      commands.close();
    } catch (IOException e) {
      // It is dead already.
      return;
    }
  }

  /** For messages. */
  static String names(List<NodeProcess> nodes) {
    return nodes.stream().map(n -> n.spec.name()).collect(Collectors.joining(", "));
  }
}
