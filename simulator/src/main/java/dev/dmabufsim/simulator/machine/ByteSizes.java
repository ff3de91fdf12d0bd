package dev.dmabufsim.simulator.machine;

/** Sizes as people write them: {@code 64 GiB}, exactly, in the largest unit that leaves no rest. */
final class ByteSizes {

  private static final String[] UNITS = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  private static final int STEP = 1024;

  private ByteSizes() {}

  static String text(long bytes) {
    long number = bytes;
    int unit = 0;
    while (number != 0 && number % STEP == 0 && unit < UNITS.length - 1) {
      number /= STEP;
      unit++;
    }
    return number + " " + UNITS[unit];
  }
}
