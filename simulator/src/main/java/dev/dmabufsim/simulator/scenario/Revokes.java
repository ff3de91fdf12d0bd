package dev.dmabufsim.simulator.scenario;

import java.time.Duration;
import java.util.Optional;

/**
 * How often and how fast memory is revoked. One round: one exporter device revokes all its buffers,
 * their memory belongs to the next owner for a while, and the device restores them.
 *
 * @param independent whether each device plays its own rounds, whatever the others do; if not, the
 *     devices of a node take turns
 * @param rounds how many rounds each exporter node plays, or each device if they are independent
 * @param every the pause between two rounds
 * @param hold how long the memory stays with its next owner before it is restored
 * @param limit how long the run waits for a revoke that does not end, before it gives up and judges
 */
public record Revokes(
    boolean independent, int rounds, Duration every, Duration hold, Duration limit) {
  static final String IN_TURN = "in-turn";
  static final String INDEPENDENT = "independent";

  /** The word for {@code independent} in scenarios. */
  String order() {
    return independent ? INDEPENDENT : IN_TURN;
  }

  /** Whether that word says that devices are independent, if it is one of the two. */
  static Optional<Boolean> ordered(String order) {
    return switch (order) {
      case IN_TURN -> Optional.of(false);
      case INDEPENDENT -> Optional.of(true);
      default -> Optional.empty();
    };
  }
}
