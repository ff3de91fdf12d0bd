package dev.dmabufsim.common.driver;

import java.util.random.RandomGenerator;

/**
 * An importer's driver, with its hardware. Implementations have a public constructor without
 * arguments and are named in {@code META-INF/services/dev.dmabufsim.common.driver.ImporterDriver};
 * an object of each is made once for each node, and used by the threads of all its devices, so it
 * keeps no state that changes.
 */
public interface ImporterDriver {
  /**
   * What it is called in scenarios: lower-case letters, digits and hyphens, a letter first; no two
   * drivers share a name.
   */
  String kind();

  /** What it does, in one line. */
  String description();

  /** What it offers at attach. */
  ImporterOffer offer();

  /** Whether its engine writes the memory, too; a display controller, say, only reads it. */
  default boolean writes() {
    return true;
  }

  /**
   * What it and its hardware do from an invalidation on, for one attachment that is mapped. Called
   * for each invalidation anew; must not block.
   *
   * @param invalidation what it is told, and when
   * @param random to draw times from; seeded by the run, so that a seed gives the same times again
   */
  Reaction onInvalidate(Invalidation invalidation, RandomGenerator random);
}
