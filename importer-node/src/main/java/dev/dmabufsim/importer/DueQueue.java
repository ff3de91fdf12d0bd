package dev.dmabufsim.importer;

import java.util.Comparator;
import java.util.PriorityQueue;
import org.jspecify.annotations.Nullable;

/**
 * Who is due when: so that a device with thousands of attachments looks only at those which are. An
 * entry whose time has changed since stays until it comes up, and is passed over then.
 */
final class DueQueue<T> {
  private record Due<T>(long nanos, T what) {}

  private final PriorityQueue<Due<T>> queue =
      new PriorityQueue<>(Comparator.comparingLong(Due::nanos));

  void add(long nanos, T what) {
    if (nanos != ReactionTimeline.NEVER) {
      queue.add(new Due<>(nanos, what));
    }
  }

  /** The next that was to be due by now, or null; the caller looks whether it still is. */
  @Nullable T poll(long nowNanos) {
    Due<T> head = queue.peek();
    if (head == null || nowNanos < head.nanos) {
      return null;
    }
    queue.remove();
    return head.what;
  }

  /** When the next may be due, or {@link ReactionTimeline#NEVER}. */
  long next() {
    Due<T> head = queue.peek();
    return head == null ? ReactionTimeline.NEVER : head.nanos;
  }
}
