package dev.dmabufsim.common.contract;

import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;

/** What kind of driver an exporter is: whom it lets attach, and whether it revokes. */
public enum ExporterKind {
  /** A BAR of a VFIO device ({@code drivers/vfio/pci/vfio_pci_dmabuf.c}): revokes and restores. */
  VFIO_PCI("vfio-pci", true, true);

  private final String label;
  private final boolean needsPeer2peer;
  private final boolean revokes;

  ExporterKind(String label, boolean needsPeer2peer, boolean revokes) {
    this.label = label;
    this.needsPeer2peer = needsPeer2peer;
    this.revokes = revokes;
  }

  /** The name in scenarios and reports. */
  public String label() {
    return label;
  }

  /** Whether an importer without peer2peer is refused: device memory has no struct page. */
  public boolean needsPeer2peer() {
    return needsPeer2peer;
  }

  /** Whether it revokes, and so must refuse an importer that cannot be revoked. */
  public boolean revokes() {
    return revokes;
  }

  /** The kind with that label, if there is one. */
  public static Optional<ExporterKind> labelled(String label) {
    return Arrays.stream(values()).filter(k -> k.label.equals(label)).findFirst();
  }

  /** Every label, for an error message. */
  public static String labels() {
    return Arrays.stream(values()).map(ExporterKind::label).collect(Collectors.joining(", "));
  }
}
