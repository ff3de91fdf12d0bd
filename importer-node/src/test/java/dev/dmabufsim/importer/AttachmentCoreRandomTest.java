package dev.dmabufsim.importer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.ImporterKind;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.importer.AttachmentCore.Event;
import dev.dmabufsim.importer.AttachmentCore.Phase;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The invariants of {@link AttachmentInvariants}, with honest exporters and with hostile ones. */
final class AttachmentCoreRandomTest {
  private static final int SEEDS = 200;
  private static final List<Operation> OPERATIONS = List.of(Operation.values());
  private static final List<Errno> ERRNOS = List.of(Errno.values());
  private static final long SOME_REVOKES = 5_000_000_000L;
  private static final long A_LONG_TIME = 1_000_000_000_000L;

  /**
   * The exporter's part complains of every call that is not legal, and of DMA that goes on after a
   * revoke; see {@link HonestHost}.
   */
  @ParameterizedTest
  @EnumSource(value = ImporterKind.class, names = "RDMA_PINNED", mode = EnumSource.Mode.EXCLUDE)
  void withAnHonestExporterEveryCallIsLegalAndEverythingIsGivenBackThoughMessagesAreLost(
      ImporterKind kind) {
    int revokes = 0;
    int mapped = 0;
    int refused = 0;
    for (long seed = 0; seed < SEEDS; seed++) {
      HonestHost host = new HonestHost(kind, seed, seed % 4 * 0.1);
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
    assertThat(refused).as("refused maps, probed").isGreaterThan(SEEDS);
  }

  @ParameterizedTest
  @EnumSource(ImporterKind.class)
  void noExporterHoweverHostileBreaksAnInvariant(ImporterKind kind) {
    Set<Phase> seen = EnumSet.noneOf(Phase.class);
    for (long seed = 0; seed < 1_000; seed++) {
      Random random = new Random(seed);
      AttachmentDriver attachment = new AttachmentDriver(kind);
      try {
        for (int i = 0; i < 200; i++) {
          attachment.now += random.nextInt(10_000_000);
          attachment.happens(event(random, attachment));
          seen.add(attachment.state.phase());
        }
      } catch (AssertionError | RuntimeException e) {
        throw new AssertionError(kind + ", seed " + seed, e);
      }
    }
    EnumSet<Phase> possible = EnumSet.allOf(Phase.class);
    if (!kind.pins()) {
      possible.removeAll(EnumSet.of(Phase.PINNING, Phase.UNPINNING));
    }
    assertThat(seen).isEqualTo(possible);
  }

  private static Event event(Random random, AttachmentDriver a) {
    long call = a.newCall();
    return switch (random.nextInt(20)) {
      case 0, 1, 2 -> new Event.Due(call, a.now);
      case 3, 4 -> new Event.AttachAnswered(errno(random), random.nextInt(), call, a.now);
      case 5, 6, 7, 8, 9, 10, 11, 12 -> {
        Operation operation = OPERATIONS.get(random.nextInt(OPERATIONS.size()));
        boolean table = random.nextInt(5) > 0;
        yield new Event.Answered(
            operation,
            errno(random),
            table ? AttachmentDriver.table(random.nextInt(5)) : null,
            call,
            a.now);
      }
      case 13, 14, 15 -> new Event.Invalidated(random.nextInt(6), a.now);
      case 16, 17, 18 -> new Event.EngineStopped(call, a.now);
      default ->
          switch (random.nextInt(40)) {
            case 0 -> new Event.Ending(call, a.now);
            case 1 -> new Event.ExporterGone();
            default -> new Event.Due(call, a.now);
          };
    };
  }

  /** Mostly what leads on. */
  private static Errno errno(Random random) {
    return random.nextInt(3) > 0 ? Errno.OK : ERRNOS.get(random.nextInt(ERRNOS.size()));
  }
}
