package dev.dmabufsim.simulator.scenario;

import java.util.List;

/** Binds {@code dma}. */
final class DmaBinder {
  static final List<String> KEYS = List.of("sizes", "reads", "duty");
  private static final Range TRANSFER_BYTES =
      new Range(Limits.DMA_STEP_BYTES, Limits.DMA_BYTES_MAX);

  private DmaBinder() {}

  /** Binds it, for buffers of which the smallest has that many bytes. */
  static Dma bind(Section root, long smallestBufferBytes) throws ScenarioException {
    Section section = root.section("dma", KEYS);
    double reads = section.percent("reads", true, Defaults.READ_FRACTION);
    double duty = section.percent("duty", false, Defaults.DUTY);
    Field sizes = section.find("sizes");
    if (sizes == null) {
      long max = Math.min(Defaults.DMA_MAX_BYTES, smallestBufferBytes);
      return new Dma(Defaults.DMA_MIN_BYTES, max, reads, duty);
    }
    String[] ends = sizes.text().split("\\.\\.", -1);
    long min = end(ends[0], sizes);
    long max = ends.length == 1 ? min : end(ends[1], sizes);
    if (ends.length > 2 || min > max) {
      throw sizes.wrong(
          "dma.sizes is " + Quote.of(sizes.text()) + ", not a range of sizes",
          "write the smaller and the larger, such as 64B..1MiB");
    }
    if (max > smallestBufferBytes) {
      throw sizes.wrong(
          "dma.sizes goes up to %s, the smallest buffer has %s"
              .formatted(Sizes.format(max), Sizes.format(smallestBufferBytes)),
          "a transfer must fit into every buffer");
    }
    return new Dma(min, max, reads, duty);
  }

  private static long end(String text, Field sizes) throws ScenarioException {
    String size = text.strip();
    return Sizes.parse(
        size, sizes.tree().at(), sizes.path(), TRANSFER_BYTES, Limits.DMA_STEP_BYTES);
  }
}
