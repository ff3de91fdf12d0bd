package dev.dmabufsim.simulator.run;

import dev.dmabufsim.cluster.NodeAddress;
import dev.dmabufsim.cluster.Role;
import dev.dmabufsim.common.contract.CpuUse;
import dev.dmabufsim.common.control.LinkRule;
import dev.dmabufsim.common.control.NodeCommand;
import dev.dmabufsim.common.control.NodeReport;
import dev.dmabufsim.common.fabric.DmaCounters;
import dev.dmabufsim.common.fabric.Fabric;
import dev.dmabufsim.common.fabric.FabricSweeper;
import dev.dmabufsim.common.fabric.ProcessEntry;
import dev.dmabufsim.common.fabric.ProcessIdentity;
import dev.dmabufsim.common.history.History;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.simulator.netns.Namespaces;
import dev.dmabufsim.simulator.report.Report;
import dev.dmabufsim.simulator.scenario.ExporterSpec;
import dev.dmabufsim.simulator.scenario.FaultSpec;
import dev.dmabufsim.simulator.scenario.NodeSpec;
import dev.dmabufsim.simulator.scenario.Scenario;
import dev.dmabufsim.simulator.scenario.ScenarioWriter;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * One run, from starting the nodes to the verdict. Everything that comes from nodes goes through
 * one queue to one thread, which drives the experiment step by step, each step within a limit.
 */
public final class Run {
  private static final Duration FORMING = Duration.ofSeconds(60);
  private static final Duration SETTLING = Duration.ofSeconds(60);
  private static final Duration RECOVERING = Duration.ofSeconds(20);
  private static final Duration ENDING = Duration.ofSeconds(15);
  private static final Duration LEAVING = Duration.ofSeconds(20);

  /** How often to look whether a process stands still. */
  private static final long LOOK_NANOS = 10_000_000;

  /** Akka's own, in a namespace where every port is free. */
  private static final int NAMESPACE_PORT = 25520;

  /** For DMA, by mmap and by vmap. */
  private static final int MAPPINGS_WITH_CPU = 3;

  /** The reason of a run that was broken off. */
  public static final String INTERRUPTED = "the run was interrupted";

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
  private final FaultPlan plan;
  private final RunCore core;
  private final RunDirectory directory;
  private final Progress progress;
  private final Consumer<Played> print;
  private final BlockingQueue<Input> inputs = new LinkedBlockingQueue<>();
  private final Map<String, NodeProcess> nodes = new LinkedHashMap<>();
  private final Map<String, NodeAddress> addresses = new LinkedHashMap<>();

  /** What was to be damaged and was not there yet; each says why not, or nothing if it was. */
  private final List<Supplier<Optional<String>>> damages = new ArrayList<>();

  private final Set<String> toResume = new TreeSet<>();
  private final List<String> kept = new ArrayList<>();
  private final CountDownLatch finished = new CountDownLatch(1);
  private RunCore.State state = RunCore.State.begin();
  private @Nullable Vandal vandal;
  private NodeProcess.@Nullable Launch launch;
  private @Nullable History history;
  private @Nullable Namespaces namespaces;
  private long dmaNanos;
  private boolean orderly;

  private Run(RunOptions options, Progress progress, Consumer<Played> print) {
    this.print = print;
    this.options = options;
    this.scenario = options.scenario();
    this.plan = FaultPlan.of(scenario, options.seed());
    this.core = new RunCore(scenario, plan, options.namespaces());
    this.directory = new RunDirectory(options.directory());
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
      return new Run(options, progress, closing(progress, print)).go().report();
    }
  }

  /** Here, for after an interrupt the JVM ends as soon as a run is finished. */
  private static Consumer<Played> closing(Progress progress, Consumer<Report> print) {
    return played -> {
      progress.close();
      print.accept(played.report());
    };
  }

  /**
   * As {@link #run}, for a caller that judges parts of a run by themselves. Prints nothing.
   *
   * @param progress is told how far the run is, by the calling thread; not closed
   * @return the run, also of one that was interrupted, which its facts' troubles say
   */
  public static Played play(RunOptions options, Progress progress) throws IOException {
    return new Run(options, progress, played -> {}).go();
  }

  private Played go() throws IOException {
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

  private Played play(Fabric fabric, Instant started, long begun) throws IOException {
    try {
      fabric.control().register(ProcessIdentity.self(), ProcessEntry.ROLE_OWNER, "launcher");
      vandal = new Vandal(fabric, options.seed());
      history = History.toFile(directory.history(RunDirectory.LAUNCHER), RunDirectory.LAUNCHER);
      drive(fabric);
      List<String> leftovers = endAll();
      leftovers.addAll(kept);
      List<Path> histories = directory.histories(nodes.keySet(), state.restarts());
      leftovers.addAll(Evidence.notSevered(Set.copyOf(fabric.segments()), histories));
      // Of a run that was broken off, slots say nothing: those who would close them were killed.
      int openSlots = orderly ? Evidence.openSlots(fabric.control()) : 0;
      DmaCounters dma = fabric.control().counters();
      fabric.remove();
      if (Files.exists(fabric.directory())) {
        leftovers.add(fabric.directory() + " is still there");
      }
      Played played =
          Evidence.gather(
                  dma, openSlots, leftovers, state.troubles(), state.unplayed(), orderly, histories)
              .judge(options, directory, nodeRows(), started, begun, dmaNanos);
      print.accept(played);
      return played;
    } finally {
      nodes.values().forEach(NodeProcess::kill);
      try {
        fabric.remove();
      } finally {
        if (namespaces != null) {
          namespaces.close();
        }
      }
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
    int mappings =
        scenario.nodes().stream()
            .flatMap(n -> n.importers().stream())
            .mapToInt(i -> i.attachments() * (i.cpu() == CpuUse.NONE ? 1 : MAPPINGS_WITH_CPU))
            .sum();
    // As many again: slots that still drain are not free yet when their device wants others.
    return Math.max(1024, 2 * mappings);
  }

  private void drive(Fabric fabric) throws IOException {
    try {
      start(fabric);
      if (!await(FORMING, () -> core.formed(state), () -> !state.troubles().isEmpty())) {
        trouble(
            "the cluster did not form: "
                + String.join(", ", core.missingToForm(state))
                + " not ready");
        return;
      }
      progress.say("  cluster of %d nodes formed".formatted(nodes.size()));
      long dmaBegun = System.nanoTime();
      tell(Role.IMPORTER, new NodeCommand.Begin());
      if (!await(SETTLING, Role.IMPORTER, RunCore.Milestone.SETTLED)) {
        trouble(
            "importers did not get their attachments: "
                + missing(Role.IMPORTER, RunCore.Milestone.SETTLED));
        return;
      }
      tell(Role.EXPORTER, new NodeCommand.Begin());
      state = state.begun(System.nanoTime());
      playRounds();
      afterFaults();
      damages.forEach(d -> d.get().ifPresent(this::trouble));
      damages.clear();
      state = core.judgeFaults(state);
      dmaNanos = System.nanoTime() - dmaBegun;
      tell(Role.EXPORTER, new NodeCommand.End());
      tell(Role.IMPORTER, new NodeCommand.End());
      if (!await(ENDING, Role.IMPORTER, RunCore.Milestone.ENDED)) {
        // Not a trouble: what they did before that can be judged as ever.
        kept.add(
            "importers did not give everything back within %d s: %s"
                .formatted(ENDING.toSeconds(), missing(Role.IMPORTER, RunCore.Milestone.ENDED)));
      }
      // Importers first: what they leave behind is then seen by those that stay.
      leave(Role.IMPORTER);
      leave(Role.EXPORTER);
      leave(Role.IOMMU);
      orderly = true;
    } catch (Interruption e) {
      trouble(INTERRUPTED);
    }
  }

  private void trouble(String what) {
    state = state.trouble(what);
  }

  private String missing(Role role, RunCore.Milestone milestone) {
    return String.join(", ", core.missing(state, role, milestone));
  }

  private void start(Fabric fabric) throws IOException, Interruption {
    launch = new NodeProcess.Launch(directory, fabric.directory(), options.seed());
    if (options.namespaces()) {
      namespaces = Namespaces.create(bySeed().stream().map(NodeSpec::name).toList());
      chooseAddresses(namespaces);
    } else {
      choosePorts();
    }
    NodeAddress seed = addresses.values().iterator().next();
    for (NodeSpec spec : bySeed()) {
      start(spec, List.of(seed), scenario.revokes().rounds());
    }
  }

  /** Of each node, so that who is started again finds the others and is found where it was. */
  private void choosePorts() throws IOException {
    InetAddress loopback = InetAddress.getLoopbackAddress();
    List<ServerSocket> probes = new ArrayList<>();
    try {
      for (NodeSpec spec : bySeed()) {
        int port = addresses.isEmpty() ? scenario.cluster().port() : 0;
        if (port == 0) {
          // All at once, or the second may get what was the first's.
          ServerSocket probe = new ServerSocket(0, 1, loopback);
          probes.add(probe);
          port = probe.getLocalPort();
        }
        addresses.put(spec.name(), new NodeAddress(loopback.getHostAddress(), port));
      }
    } finally {
      for (ServerSocket probe : probes) {
        probe.close();
      }
    }
  }

  /** Each has an address of its own; all of its ports are free. */
  private void chooseAddresses(Namespaces all) {
    int port = scenario.cluster().port() == 0 ? NAMESPACE_PORT : scenario.cluster().port();
    bySeed().forEach(n -> addresses.put(n.name(), new NodeAddress(all.address(n.name()), port)));
  }

  private void start(NodeSpec spec, List<NodeAddress> seeds, int rounds) throws IOException {
    nodes.put(
        spec.name(),
        NodeProcess.start(
            new NodeProcess.Start(
                spec,
                Objects.requireNonNull(addresses.get(spec.name())),
                seeds,
                plan.traps(spec.name(), state.struck().keySet()),
                state.restarts(spec.name()),
                rounds,
                namespaces == null ? List.of() : namespaces.exec(spec.name())),
            Objects.requireNonNull(launch),
            r -> inputs.add(new Input.Reported(r)),
            (n, s) -> inputs.add(new Input.Exited(n, s))));
  }

  /**
   * Starts a node again. It joins those that live: only the first of a node's own seed nodes ever
   * forms a new cluster, and it is none of them, be it the one that formed the first.
   */
  private void restart(String node) {
    NodeSpec spec =
        scenario.nodes().stream().filter(n -> n.name().equals(node)).findFirst().orElseThrow();
    List<NodeAddress> others =
        addresses.entrySet().stream()
            .filter(e -> !e.getKey().equals(node) && state.running(e.getKey()))
            .map(Map.Entry::getValue)
            .toList();
    int rounds = scenario.revokes().rounds();
    int left = scenario.revokes().independent() ? rounds : rounds - state.rounds(node);
    try {
      start(
          spec,
          others.isEmpty() ? List.of(Objects.requireNonNull(addresses.get(node))) : others,
          Math.max(1, left));
    } catch (IOException e) {
      trouble(node + " could not be started again: " + e.getMessage());
      state = core.exited(state, node, 0, "");
    }
  }

  /** What is told to those who were there is told to who is there again. */
  private void begin(String node, boolean begins) {
    NodeProcess process = nodes.get(node);
    if (process != null) {
      process.tell(network(node, core.network(state).atDoors()));
      if (begins) {
        process.tell(new NodeCommand.Begin());
      }
    }
  }

  private static NodeCommand network(String node, List<LinkRule> rules) {
    return new NodeCommand.Network(rules.stream().filter(r -> r.to().equals(node)).toList());
  }

  /** The faults are over, and whoever is there has to be well again. */
  private void afterFaults() throws Interruption {
    carryOut(core.finish(state));
    carryOut(core.check(state, true));
    if (state.check().number() > 0) {
      // What it means that one does not recover is for the judge to say.
      await(
          RECOVERING,
          () -> {
            // What strikes at a point may do so even now.
            carryOut(core.check(state, false));
            return core.recovered(state);
          },
          () -> false);
    }
  }

  /** What faults add to the time that a run takes. */
  private Duration faultTime() {
    Duration sum = Duration.ZERO;
    for (FaultSpec fault : scenario.faults()) {
      sum = sum.plus(fault.length());
      if (fault.when() instanceof FaultSpec.When.After after) {
        sum = sum.plus(after.time());
      }
      if (fault.deed() instanceof FaultSpec.ProcessFault p
          && p.action() == FaultSpec.Action.RESTART) {
        sum = sum.plus(FORMING);
      }
    }
    return sum;
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
    Duration limit =
        scenario
            .revokes()
            .limit()
            .plus(scenario.revokes().every())
            .plus(scenario.revokes().hold())
            .plus(latestBegin())
            .plus(faultTime())
            .plus(options.slack());
    int expected = core.roundsExpected();
    var patience = new RunCore.Patience(limit.toNanos(), 0, System.nanoTime());
    while (!core.roundsOver(state) || !core.faultsOver(state)) {
      long left = patience.leftNanos(System.nanoTime());
      if (left <= 0 && core.roundsOver(state)) {
        trouble(
            "not there again within %d s of a fault: %s"
                .formatted(limit.toSeconds(), String.join(", ", core.missingAgain(state))));
        return;
      }
      if (left <= 0) {
        // Not a violation by itself: the judge looks at how long each revoke took.
        state = core.gaveUp(state, limit);
        state.unplayed().forEach(what -> progress.say("  " + what + ": giving up"));
        return;
      }
      handleNext(left);
      carryOut(core.check(state, false));
      int played = core.roundsPlayed(state);
      if (played > patience.played()) {
        patience = patience.seen(played, System.nanoTime());
        Set<String> killed = state.killed();
        progress.rounds(
            played,
            Math.max(played, expected),
            killed.isEmpty() ? "" : "killed: " + String.join(", ", new TreeSet<>(killed)));
      }
    }
  }

  /** By how much the last device begins later than the first. */
  private Duration latestBegin() {
    return scenario.nodes().stream()
        .flatMap(n -> n.exporters().stream())
        .map(ExporterSpec::beginAfter)
        .max(Comparator.naturalOrder())
        .orElse(Duration.ZERO);
  }

  private void leave(Role role) throws Interruption {
    tell(role, new NodeCommand.Leave());
    await(LEAVING, () -> core.gone(state, role), () -> false);
  }

  private void tell(Role role, NodeCommand command) {
    nodes.values().stream().filter(n -> n.spec().role() == role).forEach(n -> n.tell(command));
  }

  private boolean await(Duration limit, Role role, RunCore.Milestone milestone)
      throws Interruption {
    return await(limit, () -> core.all(state, role, milestone), () -> false);
  }

  /**
   * Waits for a condition while the nodes' reports come in. False when the limit is over, or there
   * is no hope any more.
   */
  private boolean await(Duration limit, BooleanSupplier condition, BooleanSupplier hopeless)
      throws Interruption {
    long deadline = System.nanoTime() + limit.toNanos();
    while (!condition.getAsBoolean()) {
      long left = deadline - System.nanoTime();
      if (left <= 0 || hopeless.getAsBoolean()) {
        return false;
      }
      handleNext(left);
    }
    return true;
  }

  /** Waits for what comes next, for so long at most. */
  private void handleNext(long nanos) throws Interruption {
    try {
      resume();
      damages.removeIf(d -> d.get().isEmpty());
      long most = toResume.isEmpty() && damages.isEmpty() ? Long.MAX_VALUE : LOOK_NANOS;
      long due = Math.min(most, core.untilDue(state, System.nanoTime()).orElse(Long.MAX_VALUE));
      Input input = inputs.poll(Math.clamp(due, 0, nanos), TimeUnit.NANOSECONDS);
      if (input != null) {
        handle(input);
      }
      carryOut(core.tick(state, System.nanoTime()));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new Interruption();
    }
  }

  private void handle(Input input) throws Interruption {
    switch (input) {
      case Input.Reported r -> carryOut(core.reported(state, r.report(), System.nanoTime()));
      case Input.Exited e -> exited(e);
      case Input.Interrupted i -> throw new Interruption();
    }
  }

  private void carryOut(RunCore.Step step) {
    state = step.state();
    step.effects().forEach(this::carryOut);
  }

  private void carryOut(RunCore.Effect effect) {
    switch (effect) {
      case RunCore.Effect.Say e -> progress.say("  " + e.line());
      case RunCore.Effect.Struck e ->
          record(
              new HistoryEvent.FaultStruck(
                  e.fault().spec().text(), e.fault().spec().kind(), e.fault().nodes()));
      case RunCore.Effect.Over e ->
          record(
              new HistoryEvent.FaultOver(
                  e.fault().spec().text(), e.fault().spec().kind(), e.fault().nodes()));
      case RunCore.Effect.Kill e -> of(e.node()).ifPresent(NodeProcess::kill);
      case RunCore.Effect.Stop e -> of(e.node()).ifPresent(NodeProcess::stop);
      case RunCore.Effect.Resume e -> toResume.add(e.node());
      case RunCore.Effect.Restart e -> restart(e.node());
      case RunCore.Effect.Begin e -> begin(e.node(), e.begins());
      case RunCore.Effect.Network e -> {
        nodes.forEach((name, node) -> node.tell(network(name, e.atDoors())));
        cut(e.cuts());
      }
      case RunCore.Effect.RefuseMemory e ->
          Objects.requireNonNull(vandal).refuseMemory(e.refused());
      case RunCore.Effect.Truncate e ->
          damages.add(() -> Objects.requireNonNull(vandal).truncate(e.node()));
      case RunCore.Effect.OtherVersion e -> Objects.requireNonNull(vandal).otherVersion(e.other());
      case RunCore.Effect.Ask e -> tell(Role.IMPORTER, new NodeCommand.Check(e.number()));
      case RunCore.Effect.DamageSlot e ->
          damages.add(() -> Objects.requireNonNull(vandal).damageSlot());
    }
  }

  private void cut(List<LinkRule> rules) {
    if (namespaces == null) {
      return;
    }
    try {
      namespaces.cut(
          rules.stream()
              .map(r -> new Namespaces.Link(r.from(), r.to()))
              .collect(Collectors.toSet()));
    } catch (IOException e) {
      trouble("the network could not be partitioned: " + e.getMessage());
    }
  }

  /** Has those go on that are to, as soon as they stand still. */
  private void resume() {
    for (String name : List.copyOf(toResume)) {
      NodeProcess node = nodes.get(name);
      if (node == null || !node.alive()) {
        toResume.remove(name);
      } else if (node.stopped()) {
        node.resume();
        toResume.remove(name);
      }
    }
  }

  private Optional<NodeProcess> of(String node) {
    return Optional.ofNullable(nodes.get(node));
  }

  private void record(HistoryEvent event) {
    if (history != null) {
      history.record(event);
    }
  }

  private void exited(Input.Exited e) {
    state = core.exited(state, e.node(), e.status(), directory.log(e.node()).toString());
  }

  /** Whatever still runs is ended, by its id. Says what had to be. */
  private List<String> endAll() {
    List<String> leftovers = new ArrayList<>();
    for (NodeProcess node : nodes.values()) {
      if (node.alive()) {
        if (state.troubles().isEmpty()) {
          leftovers.add(
              "%s (pid %d) had to be killed at the end".formatted(node.spec().name(), node.pid()));
        }
        state = state.kill(node.spec().name());
        node.kill();
      }
    }
    long deadline = System.nanoTime() + LEAVING.toNanos();
    while (state.exits().size() < nodes.size() && deadline - System.nanoTime() > 0) {
      try {
        Input input = inputs.poll(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
        if (input instanceof Input.Exited e) {
          exited(e);
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
                state.exits().get(n.spec().name())))
        .toList();
  }
}
