package dev.dmabufsim.importer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.Behaviour;
import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.FenceUsage;
import dev.dmabufsim.common.driver.ImporterDriver;
import dev.dmabufsim.common.driver.ImporterOffer;
import dev.dmabufsim.common.driver.Invalidation;
import dev.dmabufsim.common.driver.Reaction;
import dev.dmabufsim.common.driver.Reaction.Afterwards;
import dev.dmabufsim.common.driver.Reaction.Deviations;
import dev.dmabufsim.common.driver.Reaction.PlannedFence;
import dev.dmabufsim.common.driver.Reaction.Trigger;
import dev.dmabufsim.common.driver.Reaction.Unmap;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.importer.AttachmentState.Phase;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The invariants of {@link AttachmentInvariants}, with honest exporters and with hostile ones. */
final class AttachmentCoreRandomTest {
  private static final int SEEDS = 40;
  private static final List<Operation> OPERATIONS = List.of(Operation.values());
  private static final List<Errno> ERRNOS = List.of(Errno.values());
  private static final long SOME_REVOKES = 5_000_000_000L;
  private static final long A_LONG_TIME = 1_000_000_000_000L;

  static Stream<String> kinds() {
    return AttachmentDriver.kinds();
  }

  /** Those that end a revoke, if not in time. */
  static Stream<Arguments> kindsAndBehaviours() {
    return AttachmentDriver.revocable()
        .flatMap(kind ->
            Stream.of(
                    Behaviour.HONEST,
                    Behaviour.SLOW,
                    Behaviour.LYING,
                    Behaviour.WRITES_AFTER_FENCE,
                    Behaviour.MAPS_AGAIN,
                    Behaviour.KEEPS_ADDRESS,
                    Behaviour.SKIPS_IOTLB_FLUSH)
                .map(behaviour -> Arguments.of(kind, behaviour)));
  }

  private static AttachmentDriver misbehaving(String kind, Behaviour behaviour, long seed) {
    ImporterDriver driver = AttachmentDriver.driver(kind);
    SplittableRandom random = new SplittableRandom(seed);
    return new AttachmentDriver(
        driver.offer(),
        () ->
            Misbehaviour.apply(
                behaviour,
                Duration.ofMillis(10),
                driver.onInvalidate(new Invalidation("nic", 50, 7, 1, random.nextInt()), random)));
  }

  /**
   * The exporter's part complains of every call that is not legal, and of DMA that goes on after a
   * revoke; see {@link HonestHost}.
   */
  @ParameterizedTest
  @MethodSource("kindsAndBehaviours")
  void withAnHonestExporterEveryCallIsLegalAndEverythingIsGivenBackThoughMessagesAreLost(
      String kind, Behaviour behaviour) {
    int revokes = 0;
    int mapped = 0;
    int refused = 0;
    for (long seed = 0; seed < SEEDS; seed++) {
      HonestHost host = new HonestHost(misbehaving(kind, behaviour, seed), seed, seed % 4 * 0.1);
      try {
        host.run(new Random(seed).nextLong(SOME_REVOKES));
        host.end();
        host.run(A_LONG_TIME);
      } catch (AssertionError e) {
        throw new AssertionError("seed " + seed, e);
      }
      assertThat(host.importer.state.phase()).as("seed %d", seed).isEqualTo(Phase.DONE);
      assertThat(host.left()).as("left at the exporter, seed %d", seed).isZero();
      revokes += host.revokes;
      mapped += host.mapped;
      refused += host.refused;
    }
    assertThat(revokes).as("revokes").isGreaterThan(5 * SEEDS);
    assertThat(mapped).as("maps").isGreaterThan(3 * SEEDS);
    assertThat(refused).as("refused maps, probed").isGreaterThan(SEEDS / 2);
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void noExporterHoweverHostileBreaksAnInvariant(String kind) {
    Set<Phase> seen = EnumSet.noneOf(Phase.class);
    ImporterOffer offer = AttachmentDriver.driver(kind).offer();
    for (long seed = 0; seed < 1_000; seed++) {
      Random random = new Random(seed);
      AttachmentDriver attachment = new AttachmentDriver(offer, () -> reaction(random));
      try {
        for (int i = 0; i < 200; i++) {
          attachment.now += random.nextInt(10_000_000);
          happens(random, attachment);
          seen.add(attachment.state.phase());
        }
      } catch (AssertionError | RuntimeException e) {
        throw new AssertionError(kind + ", seed " + seed, e);
      }
    }
    EnumSet<Phase> possible = EnumSet.allOf(Phase.class);
    if (!offer.pins()) {
      possible.removeAll(EnumSet.of(Phase.PINNING, Phase.UNPINNING));
    }
    if (!offer.revocable()) {
      possible.remove(Phase.AWAY);
    }
    assertThat(seen).isEqualTo(possible);
  }

  /** Without an exporter's interference, but with any plan whatever. */
  @Test
  void everyReactionComesToItsEndOrIsStuck() {
    int stuck = 0;
    for (long seed = 0; seed < 3_000; seed++) {
      Random random = new Random(seed);
      Reaction reaction = reaction(random);
      AttachmentDriver a = AttachmentDriver.reacting(reaction).to(Phase.LIVE).invalidated(1);
      try {
        for (int i = 0; i < 50 && a.state.phase() == Phase.STOPPING; i++) {
          a.playOn();
        }
      } catch (AssertionError e) {
        throw new AssertionError("seed " + seed + ": " + reaction, e);
      }
      if (a.state.phase() == Phase.STOPPING) {
        assertThat(a.state.timeline().stuck()).as("seed %d, %s", seed, reaction).isTrue();
        assertThat(a.ending().state.ended()).isTrue();
        stuck++;
      }
    }
    assertThat(stuck).isBetween(500, 2_500);
  }

  private static void happens(Random random, AttachmentDriver a) {
    long call = a.newCall();
    switch (random.nextInt(22)) {
      case 0, 1, 2, 3 -> a.happens(new AttachmentEvent.Due(call, a.now));
      case 4, 5 -> a.attachAnswered(errno(random), random.nextInt());
      case 6, 7, 8, 9, 10, 11, 12, 13 -> {
        Operation operation = OPERATIONS.get(random.nextInt(OPERATIONS.size()));
        boolean table = random.nextInt(5) > 0;
        a.answered(
            operation, errno(random), table ? AttachmentDriver.table(random.nextInt(5)) : null);
      }
      case 14, 15, 16 -> a.invalidated(random.nextInt(6));
      case 17, 18 -> a.engineStopped();
      case 19, 20 -> a.engineReleased();
      default -> {
        switch (random.nextInt(40)) {
          case 0 -> a.ending();
          case 1 -> a.happens(new AttachmentEvent.ExporterGone());
          case 2, 3, 4 -> a.engineFailed();
          default -> a.happens(new AttachmentEvent.Due(call, a.now));
        }
      }
    }
  }

  /** Mostly what leads on. */
  private static Errno errno(Random random) {
    return random.nextInt(3) > 0 ? Errno.OK : ERRNOS.get(random.nextInt(ERRNOS.size()));
  }

  private static <E> E any(Random random, E[] values) {
    return values[random.nextInt(values.length)];
  }

  private static Duration time(Random random) {
    return switch (random.nextInt(6)) {
      case 0 -> Duration.ZERO;
      case 1 -> Duration.ofNanos(1);
      case 2 -> random.nextInt(8) == 0 ? Misbehaviour.FOR_EVER : Duration.ofSeconds(1);
      default -> Duration.ofNanos(random.nextInt(20_000_000));
    };
  }

  /** Any plan at all, sensible or not. */
  private static Reaction reaction(Random random) {
    int fences = random.nextInt(12) == 0 ? Reaction.MOST_FENCES : random.nextInt(4);
    return new Reaction(
        time(random),
        time(random),
        random.nextBoolean(),
        IntStream.range(0, fences)
            .mapToObj(i ->
                new PlannedFence(
                    any(random, FenceUsage.values()),
                    random.nextInt(5) == 0 ? Trigger.NEVER : any(random, Trigger.values()),
                    time(random),
                    random.nextBoolean()))
            .toList(),
        any(random, Unmap.values()),
        time(random),
        any(random, Afterwards.values()),
        new Deviations(random.nextBoolean(), time(random), time(random), random.nextBoolean()));
  }
}
