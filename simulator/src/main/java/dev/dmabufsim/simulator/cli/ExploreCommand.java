package dev.dmabufsim.simulator.cli;

import dev.dmabufsim.simulator.explore.Exhaustive;
import dev.dmabufsim.simulator.explore.Explorer;
import dev.dmabufsim.simulator.explore.Shrinker;
import dev.dmabufsim.simulator.explore.Story;
import dev.dmabufsim.simulator.explore.TraceFile;
import dev.dmabufsim.simulator.explore.WorldPlan;
import dev.dmabufsim.simulator.explore.Worlds;
import dev.dmabufsim.simulator.judge.Invariant;
import dev.dmabufsim.simulator.judge.Verdict;
import dev.dmabufsim.simulator.run.RunDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "explore",
    description = {
      "Plays orders of events that a cluster could produce, thousands in a second, in one thread"
          + " with virtual time, and tells the shortest story that breaks an invariant.",
      "The same seed gives the same again, on any machine."
    },
    mixinStandardHelpOptions = true)
final class ExploreCommand implements Callable<Integer> {
  private static final long DEFAULT_SCHEDULES = 20_000;
  private static final long DEFAULT_STATES = 100_000_000;
  private static final double MOST_MINUTES = 10_000;
  private static final double MINUTE_NANOS = 60e9;
  private static final int MOST_SEEDS = 1000;
  private static final int MOST_THREADS = 64;

  @Spec private CommandSpec spec;

  @Option(
      names = "--contract",
      paramLabel = "NAME",
      description = "The sequence of the exporter (default: ${DEFAULT-VALUE}).")
  private String contract = "enforced";

  @Option(
      names = "--exporter",
      paramLabel = "KIND",
      description = "The kind of exporter (default: ${DEFAULT-VALUE}).")
  private String exporter = "vfio-pci";

  @Option(
      names = "--cause",
      paramLabel = "NAME",
      description = "Why it revokes (default: its usual reason).")
  private @Nullable String cause;

  @Option(
      names = "--importers",
      split = ",",
      paramLabel = "KIND[:BEHAVIOUR]",
      description = "The importers, your own kinds too (default: gpu-dynamic,rdma-odp).")
  private List<String> importers = List.of("gpu-dynamic", "rdma-odp");

  @Option(
      names = "--overrun",
      paramLabel = "MS",
      description = "By how many milliseconds those are late that are (default: 1500).")
  private long overrun = 1500;

  @Option(
      names = "--faults",
      split = ",",
      paramLabel = "KIND",
      description = "Which faults may strike; or all, or none (default: all).")
  private List<String> faults = List.of("all");

  @Option(
      names = "--most-faults",
      paramLabel = "N",
      description = "How many may strike in one schedule (default: 2, exhaustively 1).")
  private @Nullable Integer mostFaults;

  @Option(
      names = "--rounds",
      paramLabel = "N",
      description = "How many revokes (default: 2, exhaustively 1).")
  private @Nullable Integer rounds;

  @Option(
      names = "--invariants",
      split = ",",
      paramLabel = "N",
      description = "Which invariants count, by number (default: all).")
  private @Nullable List<Integer> invariants;

  @Option(
      names = "--schedules",
      paramLabel = "N",
      description = "How many schedules (default: 20000, or as many as fit into --minutes).")
  private @Nullable Long schedules;

  @Option(
      names = "--minutes",
      paramLabel = "N",
      description = "For how long; with --schedules, whichever is over first.")
  private @Nullable Double minutes;

  @Option(
      names = "--seed",
      paramLabel = "S",
      description = "From which every choice comes (default: a fresh one, printed).")
  private @Nullable Long seed;

  @Option(
      names = "--seeds",
      paramLabel = "N",
      description =
          "Explores with so many seeds, from --seed on, and says after how many schedules"
              + " each found something.")
  private @Nullable Integer seeds;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "How many threads play schedules (default: one for each processor).")
  private @Nullable Integer threads;

  @Option(
      names = "--exhaustive",
      description = "Visits every state of a small world once, instead of random schedules.")
  private boolean exhaustive;

  @Option(names = "--mapped", description = "Exhaustively: begins when every importer has mapped.")
  private boolean mapped;

  @Option(
      names = "--depth",
      paramLabel = "N",
      description = "Exhaustively: no deeper than so many steps.")
  private @Nullable Integer depth;

  @Option(
      names = "--states",
      paramLabel = "N",
      description = "Exhaustively: no more states than that (default: 100000000).")
  private @Nullable Long states;

  @Option(
      names = "--replay",
      paramLabel = "FILE",
      description = "Plays the trace in a file again, and nothing else.")
  private @Nullable Path replay;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      description = "Where to keep a story (default: runs/TIME-explore).")
  private @Nullable Path out;

  private @Nullable RunDirectory kept;

  @Override
  public Integer call() throws IOException {
    try {
      if (replay != null) {
        onlyReplay();
        return replayed(replay);
      }
      WorldPlan plan = plan();
      long first = seed != null ? seed : ThreadLocalRandom.current().nextLong(1L << 31);
      check();
      // Now, and not when there is something to keep after an hour.
      kept = out == null ? null : OutDirectory.of(out, "explore");
      if (exhaustive) {
        return visited(plan.seed(first), first);
      }
      return seeds != null ? compared(plan, first, seeds) : explored(plan, first);
    } catch (IllegalArgumentException e) {
      throw new BadInput(String.valueOf(e.getMessage()));
    }
  }

  /** A trace says all of its world itself; what was asked for beside it would be without effect. */
  private void onlyReplay() {
    Optional<String> other =
        spec.commandLine().getParseResult().matchedOptions().stream()
            .map(OptionSpec::longestName)
            .filter(o -> !o.equals("--replay"))
            .findFirst();
    if (other.isPresent()) {
      throw new BadInput(other.get() + " does not go with --replay: the trace says what is played");
    }
  }

  private WorldPlan plan() {
    return Worlds.of(
        new Worlds.Words(
            contract,
            exporter,
            cause,
            importers,
            overrun,
            faults,
            mostFaults != null ? mostFaults : exhaustive ? 1 : 2,
            rounds != null ? rounds : exhaustive ? 1 : 2,
            exhaustive,
            !exhaustive));
  }

  private void check() {
    if (minutes != null && !(minutes > 0 && minutes <= MOST_MINUTES)) {
      throw new BadInput("--minutes is " + minutes + "; write more than 0, up to 10000");
    }
    if (schedules != null && schedules < 1) {
      throw new BadInput("--schedules is " + schedules + "; write 1 or more");
    }
    if (seeds != null && (seeds < 1 || seeds > MOST_SEEDS)) {
      throw new BadInput("--seeds is " + seeds + "; write 1 to " + MOST_SEEDS);
    }
    if (threads != null && (threads < 1 || threads > MOST_THREADS)) {
      throw new BadInput("--threads is " + threads + "; write 1 to " + MOST_THREADS);
    }
    if (depth != null && depth < 1) {
      throw new BadInput("--depth is " + depth + "; write 1 or more");
    }
    if (states != null && states < 1) {
      throw new BadInput("--states is " + states + "; write 1 or more");
    }
    if (!exhaustive && (depth != null || states != null || mapped)) {
      throw new BadInput("--depth, --states and --mapped go with --exhaustive");
    }
    if (exhaustive && (schedules != null || seeds != null)) {
      throw new BadInput("--schedules and --seeds do not go with --exhaustive; write --states");
    }
  }

  private Explorer.Limits limits() {
    long most =
        schedules != null ? schedules : minutes != null ? Long.MAX_VALUE : DEFAULT_SCHEDULES;
    return new Explorer.Limits(
        most,
        nanos(),
        threads != null ? threads : Runtime.getRuntime().availableProcessors(),
        wanted());
  }

  private Set<Invariant> wanted() {
    Set<Invariant> wanted = EnumSet.allOf(Invariant.class);
    if (invariants != null) {
      for (int number : invariants) {
        if (wanted.stream().noneMatch(i -> i.number() == number)) {
          throw new BadInput(
              "--invariants names %d; there are 1 to %d".formatted(number, wanted.size()));
        }
      }
      wanted.removeIf(i -> !invariants.contains(i.number()));
      if (wanted.isEmpty()) {
        throw new BadInput("--invariants names none; write numbers such as 1,2");
      }
    }
    return wanted;
  }

  private long nanos() {
    return (long) ((minutes != null ? minutes : MOST_MINUTES) * MINUTE_NANOS);
  }

  private static void heading(WorldPlan plan, long first) {
    System.out.printf("dmabuf-sim explore %s%nseed %d%n", Worlds.title(plan), first);
    System.out.flush();
  }

  private int explored(WorldPlan plan, long first) throws IOException {
    heading(plan, first);
    Explorer.Result result = Explorer.explore(plan, first, limits(), ExploreCommand::say);
    System.out.printf(
        Locale.ROOT,
        "%d schedules, %d steps, %.1f s: %.0f schedules and %.0f steps a second;"
            + " %d with a fault, %d broken off%n",
        result.schedules(),
        result.steps(),
        result.seconds(),
        result.schedules() / result.seconds(),
        result.steps() / result.seconds(),
        result.struck(),
        result.cut());
    if (result.found().isEmpty()) {
      return passed("no violation (seed %d, %d schedules)".formatted(first, result.schedules()));
    }
    System.out.printf("schedule %d breaks an invariant%n", result.number());
    return told(result.found().get(), "(seed %d, schedule %d)".formatted(first, result.number()));
  }

  private int visited(WorldPlan plan, long first) throws IOException {
    heading(plan, first);
    Exhaustive.Result result =
        Exhaustive.visit(
            plan,
            new Exhaustive.Limits(
                depth != null ? depth : Integer.MAX_VALUE,
                states != null ? states : DEFAULT_STATES,
                nanos(),
                mapped,
                wanted()),
            ExploreCommand::say);
    System.out.printf(
        Locale.ROOT,
        "%d states, %d transitions, depth %d, %d ends, %.1f s: %.0f states a second%n",
        result.states(),
        result.transitions(),
        result.depth(),
        result.ends(),
        result.seconds(),
        result.states() / result.seconds());
    if (result.found().isPresent()) {
      return told(
          result.found().get(), "(breadth first: no shorter schedule was found that breaks one)");
    }
    if (!result.finished()) {
      System.out.printf(
          "stopped at depth %d with %d states to go on from: %s%n",
          result.depth(), result.open(), result.stopped().map(ExploreCommand::why).orElse(""));
    }
    return passed(
        result.finished()
            ? "no violation in any schedule of this world"
            : "no violation in what was visited");
  }

  private static String why(Exhaustive.Stop stop) {
    return switch (stop) {
      case DEPTH -> "schedules were to be no longer, see --depth";
      case STATES -> "there were to be no more states, see --states";
      case TIME -> "its time was over, see --minutes";
      case MEMORY -> "the heap has no room for more states";
    };
  }

  /** On standard error: what comes of it is the same each time, and this is not. */
  private static void say(Explorer.Progress p) {
    System.err.printf(
        Locale.ROOT, "  %.0f s: %d schedules, %d steps%n", p.seconds(), p.schedules(), p.steps());
  }

  private static void say(Exhaustive.Progress p) {
    System.err.printf(
        Locale.ROOT,
        "  %.0f s: %d states, depth %d, %d to go on from%n",
        p.seconds(),
        p.states(),
        p.depth(),
        p.open());
  }

  private int compared(WorldPlan plan, long first, int count) {
    heading(plan, first);
    List<Long> needed = new ArrayList<>();
    int none = 0;
    for (int i = 0; i < count; i++) {
      Explorer.Result result = Explorer.explore(plan, first + i, limits());
      if (result.found().isPresent()) {
        needed.add(result.number());
      } else {
        none++;
      }
      System.out.printf(
          Locale.ROOT,
          "  seed %-11d %s%n",
          first + i,
          result
              .found()
              .map(f ->
                  "schedule %d: invariant %d, %s"
                      .formatted(
                          result.number(),
                          f.violation().invariant().number(),
                          f.violation().invariant().title()))
              .orElse("nothing in " + result.schedules() + " schedules"));
      System.out.flush();
    }
    needed.sort(null);
    if (needed.isEmpty()) {
      return passed("no violation with any of %d seeds".formatted(count));
    }
    System.out.printf(
        "%nFAIL explore: %d of %d seeds found a violation, the median of those after %d schedules%n",
        count - none, count, needed.get(needed.size() / 2));
    return Verdict.FAIL.exitStatus();
  }

  private static int passed(String why) {
    System.out.printf("%nPASS explore: %s%n", why);
    System.out.flush();
    return Verdict.PASS.exitStatus();
  }

  private int told(Explorer.Found found, String which) throws IOException {
    RunDirectory directory = kept != null ? kept : OutDirectory.of(null, "explore");
    TraceFile.write(
        directory.path().resolve("found.json"), found.plan(), found.actions(), found.violation());
    Shrinker.Shrunk shrunk =
        Shrinker.shrink(found.plan(), found.actions(), found.violation().invariant());
    Story.Told story =
        Story.tell(shrunk.plan(), shrunk.actions(), Set.of(found.violation().invariant()))
            .or(() -> Story.tell(found.plan(), found.actions(), wanted()))
            .orElseThrow(() -> new IllegalStateException("it is not the same again: " + found));
    Path trace = directory.path().resolve("trace.json");
    TraceFile.write(trace, shrunk.plan(), shrunk.actions(), story.violation());
    print(shrunk.plan(), story, found.actions().size());
    Path diagram = directory.path().resolve("story.md");
    Files.writeString(
        diagram,
        "# %s%n%n%s%n%n```mermaid%n%s%n```%n%n```%n%s%n```%n"
            .formatted(
                Worlds.title(shrunk.plan()),
                story.violation().detail(),
                String.join("\n", story.diagram()),
                String.join("\n", story.steps())));
    System.out.printf(
        "%nFAIL explore %s%n  story %s%n  again ./dmabuf-sim explore --replay %s%n",
        which, diagram, trace);
    System.out.flush();
    return Verdict.FAIL.exitStatus();
  }

  private static void print(WorldPlan plan, Story.Told story, int before) {
    System.out.printf(
        "%nthe shortest story found, in %s%s:%n",
        Worlds.title(plan), before == 0 ? "" : " (it took " + before + " steps at first)");
    story.steps().forEach(System.out::println);
    System.out.printf(
        "%ninvariant %d broken: %s%n  %s%n",
        story.violation().invariant().number(),
        story.violation().invariant().title(),
        story.violation().detail());
  }

  private static int replayed(Path file) {
    TraceFile.Trace trace = TraceFile.read(file);
    Story.Told story =
        Story.tell(trace.plan(), trace.actions(), Set.of(trace.invariant()))
            .orElseThrow(() ->
                new BadInput(
                    file
                        + " does not fit this version: one of its actions is not possible,"
                        + " or nothing breaks any more; explore again"));
    print(trace.plan(), story, 0);
    System.out.printf("%nFAIL explore (replayed from %s)%n", file);
    return Verdict.FAIL.exitStatus();
  }
}
