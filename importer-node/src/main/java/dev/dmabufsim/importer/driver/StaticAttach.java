package dev.dmabufsim.importer.driver;

import dev.dmabufsim.common.driver.ImporterDriver;
import dev.dmabufsim.common.driver.ImporterOffer;
import dev.dmabufsim.common.driver.Invalidation;
import dev.dmabufsim.common.driver.Reaction;
import java.util.random.RandomGenerator;

/**
 * Whoever calls {@code dma_buf_attach()}, without importer_ops: V4L2's videobuf2, fastrpc and most
 * others that are older than dynamic attachments.
 *
 * <p>The framework pins the memory when it is mapped, and waits for KERNEL fences then. Nobody ever
 * tells the importer anything.
 */
public final class StaticAttach implements ImporterDriver {
  /** For {@link java.util.ServiceLoader}. */
  public StaticAttach() {}

  @Override
  public String kind() {
    return "static";
  }

  @Override
  public String description() {
    return "an importer of old: dma_buf_attach(), pinned while it is mapped, never told anything";
  }

  @Override
  public ImporterOffer offer() {
    return ImporterOffer.DYNAMIC.asStatic();
  }

  @Override
  public Reaction onInvalidate(Invalidation invalidation, RandomGenerator random) {
    throw new IllegalStateException(kind() + " has no callback");
  }
}
