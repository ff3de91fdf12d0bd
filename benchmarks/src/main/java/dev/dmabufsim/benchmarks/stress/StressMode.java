package dev.dmabufsim.benchmarks.stress;

import java.util.Locale;

/** How thorough JCStress is: its own presets. */
enum StressMode {
  /** Each test once, seconds: shows that the tests run, and little else. */
  SANITY,

  /** Some minutes. */
  QUICK,

  /** JCStress's own choice, about half an hour here. */
  DEFAULT;

  String word() {
    return name().toLowerCase(Locale.ROOT);
  }
}
