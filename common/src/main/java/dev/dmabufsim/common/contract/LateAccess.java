package dev.dmabufsim.common.contract;

import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * What became of an access to memory whose revoke had completed, mildest first. From an honest
 * importer only the first is acceptable, and the last from nobody.
 */
public enum LateAccess {
  /** It was dropped, or it reached memory that nobody owns: nobody notices. */
  NIRVANA("nirvana"),
  /** The IOMMU refused to translate it, and logged that. */
  IOMMU_FAULT("iommu-fault"),
  /** The target is gone: an unsupported request, reported by Advanced Error Reporting. */
  AER("aer"),
  /** It reached memory that belonged to somebody else by then. */
  UAF("uaf");

  private final String label;

  LateAccess(String label) {
    this.label = label;
  }

  /** The name in reports. */
  public String label() {
    return label;
  }

  /** The class with that label, if there is one. */
  public static Optional<LateAccess> labelled(String label) {
    return Arrays.stream(values()).filter(c -> c.label.equals(label)).findFirst();
  }

  /** Every label, for an error message. */
  public static String labels() {
    return Arrays.stream(values()).map(LateAccess::label).collect(Collectors.joining(", "));
  }
}
