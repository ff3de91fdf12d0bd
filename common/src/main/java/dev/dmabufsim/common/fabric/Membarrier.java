package dev.dmabufsim.common.fabric;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * The asymmetric memory barrier of Linux, {@code membarrier(2)}: one process pays for the fences of
 * all. The guard then publishes and reads with no fence of its own.
 *
 * <p>{@code MEMBARRIER_CMD_GLOBAL_EXPEDITED} puts a full barrier on every CPU that runs a thread of
 * a process which has registered. See {@code Documentation/scheduler/membarrier.rst}.
 */
public final class Membarrier {
  private static final long SYSCALL_X86_64 = 324;
  private static final long SYSCALL_AARCH64 = 283;
  private static final int QUERY = 0;
  private static final int GLOBAL_EXPEDITED = 1 << 1;
  private static final int REGISTER_GLOBAL_EXPEDITED = 1 << 2;

  // Restricted: a wrong signature would crash the JVM. This is syscall(2) with three ints.
  @SuppressWarnings("restricted")
  private static final MethodHandle SYSCALL =
      Linker.nativeLinker()
          .downcallHandle(
              symbol(),
              FunctionDescriptor.of(
                  ValueLayout.JAVA_LONG,
                  ValueLayout.JAVA_LONG,
                  ValueLayout.JAVA_INT,
                  ValueLayout.JAVA_INT,
                  ValueLayout.JAVA_INT),
              Linker.Option.firstVariadicArg(1));

  private Membarrier() {}

  private static MemorySegment symbol() {
    return Linker.nativeLinker().defaultLookup().findOrThrow("syscall");
  }

  /** Whether this kernel has the expedited global barrier. */
  public static boolean available() {
    int wanted = GLOBAL_EXPEDITED | REGISTER_GLOBAL_EXPEDITED;
    long commands = call(QUERY);
    return commands >= 0 && (commands & wanted) == wanted;
  }

  /**
   * Makes every later {@link #barrier} of any process reach this process's threads.
   *
   * @return whether the kernel accepted; where it did not, the caller must use full fences
   */
  public static boolean register() {
    return available() && call(REGISTER_GLOBAL_EXPEDITED) == 0;
  }

  /**
   * A full barrier on every CPU that runs a registered process, and on this one. Some microseconds.
   *
   * @throws IllegalStateException if the kernel refuses, for then nothing could be proven any more
   */
  public static void barrier() {
    long result = call(GLOBAL_EXPEDITED);
    if (result != 0) {
      throw new IllegalStateException("membarrier(GLOBAL_EXPEDITED) failed: " + result);
    }
  }

  private static long call(int command) {
    String arch = System.getProperty("os.arch", "");
    long number =
        switch (arch) {
          case "amd64", "x86_64" -> SYSCALL_X86_64;
          case "aarch64" -> SYSCALL_AARCH64;
          default -> -1;
        };
    if (number < 0) {
      return -1;
    }
    try {
      return (long) SYSCALL.invokeExact(number, command, 0, 0);
    } catch (Throwable t) {
      throw new IllegalStateException("membarrier cannot be called", t);
    }
  }
}
