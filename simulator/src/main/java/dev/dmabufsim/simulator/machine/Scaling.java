package dev.dmabufsim.simulator.machine;

import java.util.List;

/**
 * One factor by which every BAR is made smaller, so that a machine's memory fits a run's.
 *
 * <p>A power of two, the same for all: proportions stay, and so do alignments. No size falls below
 * the least that a buffer needs.
 *
 * @param factor what sizes are divided by; a power of two, 1 if they fit as they are
 * @param minBytes what no size falls below (unless it was smaller)
 * @param totalBytes what all of them then come to
 * @param fits false if even the least sizes come to more than the budget
 */
public record Scaling(long factor, long minBytes, long totalBytes, boolean fits) {

  private static final long PAGE_BYTES = 4096;
  private static final long LARGEST_FACTOR = 1L << 62;

  /**
   * The smallest factor by which these sizes fit.
   *
   * @param sizes in bytes
   * @param budgetBytes what all of them together may come to
   * @param minBytes what no size falls below; 1 MiB is usual
   */
  public static Scaling fit(List<Long> sizes, long budgetBytes, long minBytes) {
    if (minBytes < PAGE_BYTES || minBytes % PAGE_BYTES != 0) {
      throw new IllegalArgumentException("minBytes must be a number of pages: " + minBytes);
    }
    for (long factor = 1; ; factor *= 2) {
      long divisor = factor;
      // As a double first: sizes of many terabytes must not wrap around to a small sum.
      double about = sizes.stream().mapToDouble(s -> scale(s, divisor, minBytes)).sum();
      long total =
          about < Long.MAX_VALUE
              ? sizes.stream().mapToLong(s -> scale(s, divisor, minBytes)).sum()
              : Long.MAX_VALUE;
      boolean fits = total <= budgetBytes;
      boolean least = sizes.stream().allMatch(s -> scale(s, divisor, minBytes) <= minBytes);
      if (fits || least || factor == LARGEST_FACTOR) {
        return new Scaling(factor, minBytes, total, fits);
      }
    }
  }

  /** A size, made smaller: whole pages, and no less than the least. */
  public long scale(long bytes) {
    return scale(bytes, factor, minBytes);
  }

  private static long scale(long bytes, long factor, long minBytes) {
    long pages = bytes / factor / PAGE_BYTES * PAGE_BYTES;
    return Math.max(pages, Math.min(bytes / PAGE_BYTES * PAGE_BYTES, minBytes));
  }

  /** The factor in words, with an example. */
  public String describe(long exampleBytes) {
    String example = ByteSizes.text(exampleBytes) + " -> " + ByteSizes.text(scale(exampleBytes));
    return factor == 1
        ? "BAR sizes as they are"
        : "BAR sizes divided by %d: %s (none below %s)"
            .formatted(factor, example, ByteSizes.text(minBytes));
  }
}
