package dev.dmabufsim.common.message;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Who sent a message, and when. Equal are peers that are the same; when they spoke does not matter.
 *
 * @param node the node's name
 * @param incarnation differs each time a node of that name is started
 * @param process the node's index in its fabric's process table
 * @param fabric the id of its fabric: nodes of different fabrics share no memory
 * @param clock the sender's logical clock, {@link dev.dmabufsim.common.history.History#stamp}: what
 *     is recorded after the message was received is later than it
 */
public record Peer(String node, long incarnation, int process, long fabric, long clock) {
  /** A peer at no time. */
  public static Peer of(String node, long incarnation, int process, long fabric) {
    return new Peer(node, incarnation, process, fabric, 0);
  }

  /** The same at that time. */
  public Peer at(long stamp) {
    return new Peer(node, incarnation, process, fabric, stamp);
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof Peer p
        && node.equals(p.node)
        && incarnation == p.incarnation
        && process == p.process
        && fabric == p.fabric;
  }

  @Override
  public int hashCode() {
    return Objects.hash(node, incarnation, process, fabric);
  }
}
