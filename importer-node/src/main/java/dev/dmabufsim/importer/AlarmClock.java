package dev.dmabufsim.importer;

import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * Wakes a node's devices at the times that their time lines ask for. One thread for the node, which
 * is parked between alarms; Akka's own timers are ten milliseconds apart, and an importer's
 * callback takes microseconds.
 */
final class AlarmClock implements AutoCloseable {
  private final ScheduledThreadPoolExecutor executor;

  AlarmClock(String node) {
    executor =
        new ScheduledThreadPoolExecutor(
            1, Thread.ofPlatform().daemon().name("alarms-" + node).factory());
    executor.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
  }

  /**
   * Calls {@code what} at that time, or now if it is past; not at all once this is closed.
   *
   * @param atNanos {@code System.nanoTime()}
   * @param what short, and does not throw: it tells an actor something
   */
  void at(long atNanos, Runnable what) {
    if (!executor.isShutdown()) {
      var _ =
          executor.schedule(what, Math.max(0, atNanos - System.nanoTime()), TimeUnit.NANOSECONDS);
    }
  }

  @Override
  public void close() {
    executor.shutdownNow();
  }
}
