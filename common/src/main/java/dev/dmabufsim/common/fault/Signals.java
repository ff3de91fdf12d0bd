package dev.dmabufsim.common.fault;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * Signals, by kill(2). Through the foreign-function interface, since the JDK lets no process signal
 * itself, and knows neither SIGSTOP nor SIGCONT.
 */
public final class Signals {
  private static final int SIGKILL = 9;
  private static final int SIGCONT = 18;
  private static final int SIGSTOP = 19;

  private static final MethodHandle KILL =
      link(
          "kill",
          FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));

  private static final MethodHandle RAISE =
      link("raise", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));

  private Signals() {}

  // Restricted: they take numbers and touch no memory of ours.
  @SuppressWarnings("restricted")
  private static MethodHandle link(String function, FunctionDescriptor descriptor) {
    Linker linker = Linker.nativeLinker();
    return linker.downcallHandle(linker.defaultLookup().find(function).orElseThrow(), descriptor);
  }

  /** Kills this process, at once. Does not return. */
  static void kill() {
    send((int) ProcessHandle.current().pid(), SIGKILL);
    // The signal takes this thread before kill(2) returns; nothing comes after this.
    Runtime.getRuntime().halt(SIGKILL);
  }

  /**
   * Freezes this process: returns when somebody has sent it SIGCONT. By a signal to the calling
   * thread: one to the process may be another thread's to take, and this one would run on until
   * that has.
   */
  static void stop() {
    try {
      int ignored = (int) RAISE.invokeExact(SIGSTOP);
    } catch (Throwable e) {
      throw new IllegalStateException("raise(3) cannot be called", e);
    }
  }

  /**
   * Freezes a process.
   *
   * @param pid of a child of this process that was not waited for, so that the id is its own
   */
  public static void stop(long pid) {
    send((int) pid, SIGSTOP);
  }

  /** Has a frozen process go on. */
  public static void resume(long pid) {
    send((int) pid, SIGCONT);
  }

  /** No such process any more is no error: it has what it was sent. */
  private static void send(int pid, int signal) {
    try {
      int ignored = (int) KILL.invokeExact(pid, signal);
    } catch (Throwable e) {
      throw new IllegalStateException("kill(2) cannot be called", e);
    }
  }
}
