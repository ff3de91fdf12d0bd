package dev.dmabufsim.exporter;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.contract.RevokeCause.After;
import dev.dmabufsim.exporter.HubCore.Effect;
import dev.dmabufsim.exporter.HubCore.Event;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What must hold of an exporter node's rounds, whatever its buffers, its importers and its clock
 * say in whatever order; and that the rounds come to their end whenever everybody answers.
 */
final class HubCoreRandomTest {
  private static final int SEQUENCES = 2_000;
  private static final int EVENTS = 150;
  private static final long EVERY = 100;
  private static final long HOLD = 10;
  private static final long SETTLE = 1_000;
  private static final int PROCESSES = 4;

  /** What the sequences led to. */
  private static final class Tally {
    int rounds;
    int refused;
    int died;
    int settled;
    int gaveUp;
    int ended;
    int endedByCount;
    int atOnce;
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void noSequenceOfEventsBreaksAnInvariantAndTheRoundsEndIfEverybodyAnswers(boolean independent) {
    Tally tally = new Tally();
    for (long seed = 0; seed < SEQUENCES; seed++) {
      try {
        Sequence sequence = new Sequence(independent, seed, tally);
        sequence.play();
        sequence.everybodyAnswers();
      } catch (AssertionError | RuntimeException e) {
        throw new AssertionError("independent " + independent + ", seed " + seed, e);
      }
    }
    assertThat(tally.rounds).as("rounds").isGreaterThan(5_000);
    assertThat(tally.refused).as("moves refused").isGreaterThan(500);
    assertThat(tally.died).as("devices gone for good").isGreaterThan(500);
    assertThat(tally.settled).as("rounds over since all is mapped").isGreaterThan(500);
    assertThat(tally.gaveUp).as("rounds over though it is not").isGreaterThan(200);
    assertThat(tally.ended).isEqualTo(SEQUENCES);
    assertThat(tally.endedByCount).as("ended by themselves").isGreaterThan(200);
    if (independent) {
      assertThat(tally.atOnce).as("groups in a round at once").isGreaterThan(1_000);
    } else {
      assertThat(tally.atOnce).isZero();
    }
  }

  /** A round that is under way. */
  private static final class Round {
    final int device;
    final RevokeCause cause;
    final int mappedBefore;
    final Set<Integer> toRevoke;
    final Set<Integer> toRestore = new HashSet<>();
    int revoked;
    boolean restoring;

    Round(int device, RevokeCause cause, int mappedBefore, List<Integer> buffers) {
      this.device = device;
      this.cause = cause;
      this.mappedBefore = mappedBefore;
      this.toRevoke = new HashSet<>(buffers);
    }
  }

  /** Devices that take turns. */
  private static final class Group {
    final List<Integer> devices = new ArrayList<>();
    @Nullable Round round;
    int turn = -1;
    int begun;
  }

  /** One hub to which things happen, with everything checked each time. */
  private static final class Sequence {
    private final Random random;
    private final Tally tally;
    private final int count;
    private final List<RoundsCore.Device> devices = new ArrayList<>();
    private final List<Group> groups = new ArrayList<>();
    private final int[] played;
    private final Set<Integer> gone = new HashSet<>();
    private final Map<Integer, Integer> mapped = new HashMap<>();
    private final Set<Integer> buried = new HashSet<>();
    private final HubCore core;
    private HubCore.State state;
    private int buffers;
    private int rounds;
    private boolean began;
    private boolean ending;
    private boolean ended;

    Sequence(boolean independent, long seed, Tally tally) {
      this.random = new Random(seed);
      this.tally = tally;
      this.count = random.nextInt(5);
      int howMany = 1 + random.nextInt(4);
      for (int i = 0; i < howMany; i++) {
        devices.add(device());
      }
      this.played = new int[howMany];
      Group all = new Group();
      for (int i = 0; i < howMany; i++) {
        if (!devices.get(i).causes().isEmpty()) {
          Group its = independent ? new Group() : all;
          its.devices.add(i);
          if (independent) {
            groups.add(its);
          }
        }
      }
      if (groups.isEmpty()) {
        groups.add(all);
      }
      this.core =
          new HubCore(new ExporterPlan.Rounds(count, EVERY, HOLD, SETTLE, independent), devices);
      this.state = core.idle();
    }

    /** Causes as a scenario has them: what is for good comes last. */
    private RoundsCore.Device device() {
      List<Integer> its = new ArrayList<>();
      for (int i = random.nextInt(3); i >= 0; i--) {
        its.add(++buffers);
      }
      List<RevokeCause> causes = new ArrayList<>();
      for (int i = random.nextInt(3); i > 0; i--) {
        causes.add(random.nextBoolean() ? RevokeCause.RESET : RevokeCause.EVICTION);
      }
      if (random.nextInt(3) == 0) {
        causes.add(RevokeCause.HOT_UNPLUG);
      }
      return new RoundsCore.Device(List.copyOf(its), List.copyOf(causes), random.nextInt(3));
    }

    void play() {
      for (int i = 0; i < EVENTS; i++) {
        happens(next());
      }
    }

    private Event next() {
      int buffer = 1 + random.nextInt(buffers + 1);
      return switch (random.nextInt(40)) {
        case 0, 1 -> new Event.Began();
        case 2 -> random.nextInt(6) == 0 ? new Event.Ending() : new Event.Began();
        case 3, 4 -> new Event.ProcessDied(random.nextInt(PROCESSES));
        case 5, 6, 7, 8, 9, 10, 11, 12, 13 -> new Event.WaitOver(random.nextInt(groups.size()));
        case 14, 15, 16 -> new Event.Refused(buffer);
        case 17, 18, 19, 20, 21, 22, 23, 24, 25 -> new Event.Revoked(buffer);
        case 26, 27, 28, 29, 30, 31, 32, 33 -> new Event.Restored(buffer);
        default -> new Event.Mapped(buffer, random.nextInt(3));
      };
    }

    /** From here on everything that is asked for comes about, and nothing else. */
    void everybodyAnswers() {
      happens(new Event.Began());
      for (int i = 0; !ended; i++) {
        // Some have no limit.
        if (i == 50 && count == 0) {
          happens(new Event.Ending());
        }
        must(i < 1_000, "it never ends: %s", state);
        for (int group = 0; group < groups.size(); group++) {
          for (int buffer = 1; buffer <= buffers; buffer++) {
            happens(new Event.Revoked(buffer));
            happens(new Event.Restored(buffer));
          }
          happens(new Event.WaitOver(group));
        }
      }
      tally.ended++;
      tally.endedByCount += ending ? 0 : 1;
    }

    private void happens(Event event) {
      hear(event);
      HubCore.Step step = core.step(state, event);
      state = step.state();
      for (Effect effect : step.effects()) {
        must(!(ended && !(effect instanceof Effect.RoundsDone) && !bury(effect)), "after the end");
        check(event, effect);
      }
      for (Group group : groups) {
        Round round = group.round;
        must(
            round == null || !over(round) || !settled(round),
            "it waits for nothing, and is not over: %s",
            state);
      }
      must(state.rounds() == rounds, "%d rounds, and it says %s", rounds, state);
      for (int process = 0; process < PROCESSES; process++) {
        must(state.hears(process) != buried.contains(process), "who is heard: %s", state);
      }
      tally.atOnce += groups.stream().filter(g -> g.round != null).count() > 1 ? 1 : 0;
    }

    private static boolean bury(Effect effect) {
      return effect instanceof Effect.Bury;
    }

    /** What the event says, before the hub makes anything of it. */
    private void hear(Event event) {
      switch (event) {
        case Event.Began e -> began = true;
        case Event.Ending e -> ending = true;
        case Event.Mapped e -> mapped.put(e.buffer(), e.count());
        case Event.Revoked e -> taken(e.buffer(), 1);
        case Event.Refused e -> taken(e.buffer(), 0);
        case Event.Restored e ->
            groups.stream()
                .map(g -> g.round)
                .filter(r -> r != null && r.restoring)
                .forEach(r -> r.toRestore.remove(e.buffer()));
        case Event.WaitOver e -> {}
        case Event.ProcessDied e -> {}
      }
    }

    private void taken(int buffer, int revokes) {
      for (Group group : groups) {
        Round round = group.round;
        if (round != null && round.toRevoke.remove(buffer)) {
          round.revoked += revokes;
          tally.refused += 1 - revokes;
        }
      }
    }

    private void check(Event event, Effect effect) {
      switch (effect) {
        case Effect.Wait e -> {
          must(e.group() >= 0 && e.group() < groups.size(), "no such group: %s", e);
          must(began, "a wait before it began: %s", e);
        }
        case Effect.Revoke e -> revokes(event, e);
        case Effect.Restore e -> restores(e);
        case Effect.RoundDone e -> roundDone(event, e);
        case Effect.Bury e -> {
          must(
              event instanceof Event.ProcessDied died && died.process() == e.process(),
              "%s at %s",
              e,
              event);
          must(buried.add(e.process()), "buried twice: %s", e);
        }
        case Effect.RoundsDone e -> {
          must(groups.stream().allMatch(g -> g.round == null), "done, and a round is under way");
          must(e.rounds() == rounds, "%d rounds, and not %s", rounds, e);
          must(
              ending || groups.stream().allMatch(this::exhausted),
              "done, though more was to come: %s",
              state);
          must(ending || !ended, "done twice without having been asked: %s", event);
          ended = true;
        }
      }
    }

    /** Whether a group has played all that it is to. */
    private boolean exhausted(Group group) {
      return gone.containsAll(group.devices) || (count > 0 && group.begun >= count);
    }

    private void revokes(Event event, Effect.Revoke e) {
      must(began && !ending, "a revoke before or after: %s", e);
      must(event instanceof Event.WaitOver, "a revoke without a pause, at %s", event);
      int device = 0;
      while (!devices.get(device).buffers().equals(e.buffers())) {
        device++;
      }
      int found = device;
      Group group =
          groups.stream().filter(g -> g.devices.contains(found)).findFirst().orElseThrow();
      must(((Event.WaitOver) event).group() == groups.indexOf(group), "another's pause: %s", event);
      must(group.round == null, "two rounds at once of a group: %s", e);
      must(!gone.contains(device), "of a device that is gone for good: %s", e);
      must(count == 0 || group.begun < count, "one round too many: %s", e);
      must(device == nextOf(group), "not its turn: %s", e);
      List<RevokeCause> causes = devices.get(device).causes();
      must(causes.get(played[device]++ % causes.size()) == e.cause(), "another cause: %s", e);
      group.turn = group.devices.indexOf(device);
      group.begun++;
      group.round = new Round(device, e.cause(), mappedOf(e.buffers()), e.buffers());
    }

    private int nextOf(Group group) {
      int turn = group.turn;
      do {
        turn = (turn + 1) % group.devices.size();
      } while (gone.contains(group.devices.get(turn)));
      return group.devices.get(turn);
    }

    private int mappedOf(List<Integer> its) {
      return its.stream().mapToInt(b -> mapped.getOrDefault(b, 0)).sum();
    }

    private void restores(Effect.Restore e) {
      Round round =
          groups.stream()
              .map(g -> g.round)
              .filter(r -> r != null && devices.get(r.device).buffers().equals(e.buffers()))
              .findFirst()
              .orElseThrow(() -> new AssertionError("nothing of it was revoked: " + e));
      must(round.toRevoke.isEmpty(), "restored before all of it is revoked: %s", e);
      must(round.cause.after() == After.RESTORED && !round.restoring, "restored: %s", e);
      round.restoring = true;
      round.toRestore.addAll(e.buffers());
    }

    private void roundDone(Event event, Effect.RoundDone e) {
      Group group = groupOf(event);
      Round round = group.round;
      if (round == null) {
        throw new AssertionError("no round is under way: " + e);
      }
      must(e.rounds() == ++rounds, "%d rounds are over, and not %s", rounds, e);
      must(round.toRevoke.isEmpty(), "done, and %s are not revoked", round.toRevoke);
      must(e.revokes() == round.revoked, "%d were, and not %s", round.revoked, e);
      must(round.restoring || round.cause.after() != After.RESTORED, "done, and not restored");
      must(round.toRestore.isEmpty(), "done, and %s are not restored", round.toRestore);
      boolean settled = settled(round);
      if (round.cause.after() == After.DEAD) {
        gone.add(round.device);
        tally.died++;
      } else {
        must(
            settled || ending || event instanceof Event.WaitOver,
            "done, and importers have not mapped again: %s",
            event);
        tally.settled += settled && !ending ? 1 : 0;
        tally.gaveUp += settled ? 0 : 1;
      }
      tally.rounds++;
      group.round = null;
    }

    /** Whose round can be over because of that. */
    private Group groupOf(Event event) {
      return switch (event) {
        case Event.WaitOver e -> groups.get(e.group());
        case Event.Revoked e -> of(e.buffer());
        case Event.Refused e -> of(e.buffer());
        case Event.Restored e -> of(e.buffer());
        case Event.Mapped e -> of(e.buffer());
        // One after another, in the groups' order.
        case Event.Ending e ->
            groups.stream().filter(g -> g.round != null && over(g.round)).findFirst().orElseThrow();
        case Event.Began e -> throw new AssertionError("over when it begins");
        case Event.ProcessDied e -> throw new AssertionError("over by a death");
      };
    }

    private boolean settled(Round round) {
      return mappedOf(devices.get(round.device).buffers()) >= round.mappedBefore;
    }

    /** Whether its buffers have done all that they had to. */
    private static boolean over(Round round) {
      return round.toRevoke.isEmpty()
          && round.toRestore.isEmpty()
          && (round.restoring || round.cause.after() != After.RESTORED);
    }

    private Group of(int buffer) {
      return groups.stream()
          .filter(g -> g.devices.stream().anyMatch(d -> devices.get(d).buffers().contains(buffer)))
          .findFirst()
          .orElseThrow();
    }
  }

  @SuppressWarnings("AnnotateFormatMethod") // a dependency for one method of a test
  private static void must(boolean holds, String what, Object... about) {
    if (!holds) {
      throw new AssertionError(String.format(what, about));
    }
  }
}
