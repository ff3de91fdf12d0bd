package dev.dmabufsim.cluster;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/** What a node of the cluster is; its Akka Cluster role has the same name. */
public enum Role {
  /** Hosts exporter devices and their buffers. */
  EXPORTER,
  /** Hosts importer devices and their DMA engines. */
  IMPORTER,
  /** Is the IOMMU of its host. */
  IOMMU;

  /** The name in scenarios, on command lines and in {@code akka.cluster.roles}. */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Every label, for an error message. */
  public static String labels() {
    return Arrays.stream(values()).map(Role::label).collect(Collectors.joining(", "));
  }

  /** The role with that label, if there is one. */
  public static Optional<Role> labelled(String label) {
    return Arrays.stream(values()).filter(r -> r.label().equals(label)).findFirst();
  }
}
