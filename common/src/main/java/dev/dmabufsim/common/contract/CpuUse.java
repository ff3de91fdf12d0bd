package dev.dmabufsim.common.contract;

import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;

/** How the CPU of an importer's node uses the buffers to which a device of its is attached. */
public enum CpuUse {
  /** Not at all. */
  NONE("none"),
  /** A program has them mapped by {@code mmap(2)}, and reads. */
  MMAP("mmap"),
  /** The driver has them mapped by {@code dma_buf_vmap()}, and reads and writes. */
  VMAP("vmap");

  private final String label;

  CpuUse(String label) {
    this.label = label;
  }

  /** The name in scenarios. */
  public String label() {
    return label;
  }

  /** The way to map with that label, if there is one. */
  public static Optional<CpuUse> labelled(String label) {
    return Arrays.stream(values()).filter(u -> u != NONE && u.label.equals(label)).findFirst();
  }

  /** The label of each way to map, for an error message. */
  public static String labels() {
    return Arrays.stream(values())
        .filter(u -> u != NONE)
        .map(CpuUse::label)
        .collect(Collectors.joining(", "));
  }
}
