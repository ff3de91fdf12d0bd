package dev.dmabufsim.simulator.run;

import dev.dmabufsim.cluster.NodeAddress;
import dev.dmabufsim.cluster.Role;
import dev.dmabufsim.common.control.NodeCommand;
import dev.dmabufsim.common.control.NodeReport;
import dev.dmabufsim.common.fabric.DmaCounters;
import dev.dmabufsim.common.fabric.Fabric;
import dev.dmabufsim.common.fabric.FabricSweeper;
import dev.dmabufsim.common.fabric.ProcessEntry;
import dev.dmabufsim.common.fabric.ProcessIdentity;
import dev.dmabufsim.simulator.report.Report;
import dev.dmabufsim.simulator.scenario.FaultSpec;
import dev.dmabufsim.simulator.scenario.NodeSpec;
import dev.dmabufsim.simulator.scenario.Scenario;
import dev.dmabufsim.simulator.scenario.ScenarioWriter;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/**
 * One run, from starting the nodes to the verdict. Everything that comes from nodes goes through
 * one queue to one thread, which drives the experiment step by step, each step within a limit.
 */
public final class Run {
  private static final Duration FORMING = Duration.ofSeconds(60);
  private static final Duration SETTLING = Duration.ofSeconds(60);
  private static final Duration ENDING = Duration.ofSeconds(15);
  private static final Duration LEAVING = Duration.ofSeconds(20);

  /**
   * Beyond what the scenario's own times add up to: a busy host is slow, and that proves nothing.
   */
  private static final Duration ROUND_SLACK = Duration.ofSeconds(15);

  private static final int SIGKILL_STATUS = 137;

  private sealed interface Input {
    record Reported(NodeReport report) implements Input {}

    record Exited(String node, int status) implements Input {}

    record Interrupted() implements Input {}
  }

  private static final class Interruption extends Exception {
    private static final long serialVersionUID = 1L;
  }

  private final RunOptions options;
  private final Scenario scenario;
  private final RunDirectory directory;
  private final Progress progress;
  private final Consumer<Report> print;
  private final BlockingQueue<Input> inputs = new LinkedBlockingQueue<>();
  private final Map<String, NodeProcess> nodes = new LinkedHashMap<>();
  private final Map<String, Integer> exits = new HashMap<>();
  private final Set<String> ready = new HashSet<>();
  private final Set<String> settled = new HashSet<>();
  private final Set<String> ended = new HashSet<>();
  private final Set<String> roundsDone = new HashSet<>();
  private final Map<String, Integer> rounds = new HashMap<>();
  private final Set<FaultSpec> fired = new HashSet<>();
  private final Set<String> killed = new HashSet<>();
  private final List<String> troubles = new ArrayList<>();
  private final CountDownLatch finished = new CountDownLatch(1);
  private long dmaNanos;
  private boolean orderly;

  private Run(
      RunOptions options, RunDirectory directory, Progress progress, Consumer<Report> print) {
    this.print = print;
    this.options = options;
    this.scenario = options.scenario();
    this.directory = directory;
    this.progress = progress;
  }

  /**
   * Runs and judges. Blocks until the verdict; leaves no process and no shared memory behind.
   *
   * @param print what to do with the report before this returns; also when the run is interrupted
   * @return the report, which has been written
   * @throws IOException if the directory cannot be written or there is no room in /dev/shm
   */
  public static Report run(RunOptions options, Consumer<Report> print) throws IOException {
    try (Progress progress = Progress.create(options.quiet())) {
      return new Run(options, new RunDirectory(options.directory()), progress, print).go();
    }
  }

  private Report go() throws IOException {
    Instant started = Instant.now();
    long begun = System.nanoTime();
    FabricSweeper.sweep(Fabric.SHM);
    Files.writeString(directory.scenario(), ScenarioWriter.toYaml(scenario));
    // Before there is anything to be left behind.
    Thread hook = Thread.ofPlatform().name("interrupted").unstarted(this::interrupt);
    Runtime.getRuntime().addShutdownHook(hook);
    try {
      return play(Fabric.create(Fabric.SHM, slots()), started, begun);
    } finally {
      finished.countDown();
      removeHook(hook);
    }
  }

  private Report play(Fabric fabric, Instant started, long begun) throws IOException {
    try {
      fabric.control().register(ProcessIdentity.self(), ProcessEntry.ROLE_OWNER, "launcher");
      drive(fabric);
      List<String> leftovers = endAll();
      // Of a run that was broken off, slots say nothing: those who would close them were killed.
      int openSlots = orderly ? Evidence.openSlots(fabric.control()) : 0;
      DmaCounters dma = fabric.control().counters();
      fabric.remove();
      if (Files.exists(fabric.directory())) {
        leftovers.add(fabric.directory() + " is still there");
      }
      Report report =
          Evidence.gather(dma, openSlots, leftovers, troubles, directory, nodes.keySet())
              .judge(options, directory, nodeRows(), started, begun, dmaNanos);
      // Here, for after an interrupt the JVM ends as soon as this is finished.
      progress.close();
      print.accept(report);
      return report;
    } finally {
      nodes.values().forEach(NodeProcess::kill);
      fabric.remove();
    }
  }

  private static void removeHook(Thread hook) {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // The JVM is going down already, and the hook is what waits for us.
      return;
    }
  }

  /** Ctrl-C: the nodes are stopped, what was gathered is kept, and the JVM waits for that. */
  private void interrupt() {
    inputs.add(new Input.Interrupted());
    try {
      if (!finished.await(ENDING.toSeconds(), TimeUnit.SECONDS)) {
        nodes.values().forEach(NodeProcess::kill);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private int slots() {
    int attachments =
        scenario.nodes().stream()
            .flatMap(n -> n.importers().stream())
            .mapToInt(i -> i.attachments())
            .sum();
    // As many again: slots that still drain are not free yet when their device wants others.
    return Math.max(1024, 2 * attachments);
  }

  private void drive(Fabric fabric) throws IOException {
    try {
      start(fabric);
      if (!await("the cluster to form", FORMING, () -> ready.size() == nodes.size())) {
        troubles.add("the cluster did not form: " + missing(ready) + " not ready");
        return;
      }
      progress.say("  cluster of %d nodes formed".formatted(nodes.size()));
      long dmaBegun = System.nanoTime();
      tell(Role.IMPORTER, NodeCommand.BEGIN);
      if (!await("attachments", SETTLING, () -> all(Role.IMPORTER, settled))) {
        troubles.add("importers did not get their attachments: " + missing(Role.IMPORTER, settled));
        return;
      }
      tell(Role.EXPORTER, NodeCommand.BEGIN);
      playRounds();
      awaitFaults();
      dmaNanos = System.nanoTime() - dmaBegun;
      tell(Role.EXPORTER, NodeCommand.END);
      tell(Role.IMPORTER, NodeCommand.END);
      if (!await("importers to detach", ENDING, () -> all(Role.IMPORTER, ended))) {
        troubles.add(
            "importers did not give everything back within %d s: %s"
                .formatted(ENDING.toSeconds(), missing(Role.IMPORTER, ended)));
      }
      // Importers first: what they leave behind is then seen by those that stay.
      leave(Role.IMPORTER);
      leave(Role.EXPORTER);
      leave(Role.IOMMU);
      orderly = true;
    } catch (Interruption e) {
      troubles.add("the run was interrupted");
    }
  }

  private void start(Fabric fabric) throws IOException, Interruption {
    InetAddress loopback = InetAddress.getLoopbackAddress();
    int port = scenario.cluster().port();
    if (port == 0) {
      try (ServerSocket probe = new ServerSocket(0, 1, loopback)) {
        port = probe.getLocalPort();
      }
    }
    NodeAddress seed = new NodeAddress(loopback.getHostAddress(), port);
    NodeProcess.Launch launch =
        new NodeProcess.Launch(directory, fabric.directory(), seed, options.seed());
    boolean first = true;
    for (NodeSpec spec : bySeed()) {
      NodeAddress listen = first ? seed : new NodeAddress(seed.host(), 0);
      first = false;
      nodes.put(
          spec.name(),
          NodeProcess.start(
              spec,
              listen,
              launch,
              r -> inputs.add(new Input.Reported(r)),
              (n, s) -> inputs.add(new Input.Exited(n, s))));
    }
  }

  /** The IOMMU first: it needs nobody, so it is the one whom all join. */
  private List<NodeSpec> bySeed() {
    List<NodeSpec> order = new ArrayList<>();
    for (Role role : List.of(Role.IOMMU, Role.EXPORTER, Role.IMPORTER)) {
      scenario.nodes().stream().filter(n -> n.role() == role).forEach(order::add);
    }
    return order;
  }

  private void playRounds() throws Interruption {
    Duration perRound =
        scenario
            .revokes()
            .limit()
            .plus(scenario.revokes().every())
            .plus(scenario.revokes().hold())
            .plus(ROUND_SLACK);
    int of =
        scenario.revokes().rounds()
            * (int) nodes.values().stream().filter(n -> is(n, Role.EXPORTER)).count();
    int before = -1;
    while (!all(Role.EXPORTER, roundsDone)) {
      int done = rounds.values().stream().mapToInt(Integer::intValue).sum();
      if (done == before && !all(Role.EXPORTER, roundsDone)) {
        // Not a violation by itself: the judge looks at how long each revoke took.
        progress.say("  no round ended within %d s: giving up".formatted(perRound.toSeconds()));
        return;
      }
      before = done;
      int sofar = done;
      await(
          "a round",
          perRound,
          () ->
              rounds.values().stream().mapToInt(Integer::intValue).sum() > sofar
                  || all(Role.EXPORTER, roundsDone));
      int now = rounds.values().stream().mapToInt(Integer::intValue).sum();
      if (now > sofar) {
        progress.rounds(now, of, killed.isEmpty() ? "" : "killed: " + String.join(", ", killed));
      }
    }
  }

  private void awaitFaults() throws Interruption {
    for (FaultSpec fault : scenario.faults()) {
      if (!fired.contains(fault)) {
        troubles.add(
            "the fault {%s: %s, at: %s, revoke: %d} did not fire"
                .formatted(fault.kind().label(), fault.node(), fault.at(), fault.revoke()));
      }
    }
  }

  private void leave(Role role) throws Interruption {
    tell(role, NodeCommand.LEAVE);
    await(
        role.label() + " nodes to leave",
        LEAVING,
        () -> nodes.values().stream().filter(n -> is(n, role)).noneMatch(this::running));
  }

  private boolean running(NodeProcess node) {
    return !exits.containsKey(node.spec().name());
  }

  private static boolean is(NodeProcess node, Role role) {
    return node.spec().role() == role;
  }

  private boolean all(Role role, Set<String> those) {
    return nodes.values().stream()
        .filter(n -> is(n, role))
        .allMatch(n -> those.contains(n.spec().name()) || !running(n));
  }

  private String missing(Set<String> those) {
    List<String> names = nodes.keySet().stream().filter(n -> !those.contains(n)).sorted().toList();
    return String.join(", ", names);
  }

  private String missing(Role role, Set<String> those) {
    return nodes.values().stream()
        .filter(n -> is(n, role) && running(n) && !those.contains(n.spec().name()))
        .map(n -> n.spec().name())
        .sorted()
        .collect(Collectors.joining(", "));
  }

  private void tell(Role role, NodeCommand command) {
    nodes.values().stream().filter(n -> is(n, role)).forEach(n -> n.tell(command));
  }

  /** Waits for a condition while the nodes' reports come in. False when the limit is over. */
  private boolean await(String what, Duration limit, BooleanSupplier condition)
      throws Interruption {
    long deadline = System.nanoTime() + limit.toNanos();
    while (!condition.getAsBoolean()) {
      long left = deadline - System.nanoTime();
      if (left <= 0) {
        return false;
      }
      try {
        Input input = inputs.poll(left, TimeUnit.NANOSECONDS);
        if (input != null) {
          handle(input);
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new Interruption();
      }
      if (!troubles.isEmpty() && what.startsWith("the cluster")) {
        return false;
      }
    }
    return true;
  }

  private void handle(Input input) throws Interruption {
    switch (input) {
      case Input.Reported r -> handle(r.report());
      case Input.Exited e -> exited(e.node(), e.status());
      case Input.Interrupted i -> throw new Interruption();
    }
  }

  private void handle(NodeReport report) {
    switch (report) {
      case NodeReport.Ready r -> ready.add(r.node());
      case NodeReport.Settled r -> {
        if (settled.add(r.node())) {
          progress.say(
              "  %s: %d attachments live, %d refused".formatted(r.node(), r.live(), r.refused()));
        }
      }
      case NodeReport.RoundDone r -> rounds.put(r.node(), r.round());
      case NodeReport.RoundsDone r -> roundsDone.add(r.node());
      case NodeReport.Ended r -> ended.add(r.node());
      case NodeReport.AtPoint r -> fire(r);
      case NodeReport.Failed r -> {
        troubles.add(r.node() + " failed: " + r.why());
        progress.say("  " + r.node() + " failed: " + r.why());
      }
    }
  }

  private void fire(NodeReport.AtPoint at) {
    for (FaultSpec fault : scenario.faults()) {
      NodeProcess node = nodes.get(fault.node());
      if (node != null && fault.node().equals(at.node()) && fault.at().equals(at.point())) {
        fired.add(fault);
        killed.add(at.node());
        node.kill();
        progress.say(
            "  kill -9 %s (pid %d) at %s, its round %d"
                .formatted(at.node(), node.pid(), at.point(), at.revoke()));
      }
    }
  }

  private void exited(String node, int status) {
    exits.put(node, status);
    boolean wanted = killed.contains(node) && status == SIGKILL_STATUS;
    if (status != 0 && !wanted) {
      troubles.add(
          "%s ended by itself with status %d, see %s".formatted(node, status, directory.log(node)));
    }
  }

  /** Whatever still runs is ended, by its id. Says what had to be. */
  private List<String> endAll() {
    List<String> leftovers = new ArrayList<>();
    for (NodeProcess node : nodes.values()) {
      if (node.alive()) {
        if (troubles.isEmpty()) {
          leftovers.add(
              "%s (pid %d) had to be killed at the end".formatted(node.spec().name(), node.pid()));
        }
        killed.add(node.spec().name());
        node.kill();
      }
    }
    long deadline = System.nanoTime() + LEAVING.toNanos();
    while (exits.size() < nodes.size() && deadline - System.nanoTime() > 0) {
      try {
        Input input = inputs.poll(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
        if (input instanceof Input.Exited e) {
          exited(e.node(), e.status());
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        break;
      }
    }
    return leftovers;
  }

  private List<Report.Node> nodeRows() {
    return nodes.values().stream()
        .map(n ->
            new Report.Node(
                n.spec().name(),
                n.spec().role().label().toLowerCase(Locale.ROOT),
                n.pid(),
                exits.get(n.spec().name())))
        .toList();
  }
}
