package dev.dmabufsim.simulator.machine;

/**
 * Access Control Services flags of a port or function, from lspci's {@code ACSCap:} or {@code
 * ACSCtl:} line (PCI Express Base Specification, 6.12).
 *
 * <p>Only the control register decides where a request goes. The kernel turns redirection on at
 * every capable port when an IOMMU is in use.
 */
public record Acs(
    boolean sourceValidation,
    boolean translationBlocking,
    boolean requestRedirect,
    boolean completionRedirect,
    boolean upstreamForwarding,
    boolean egressControl,
    boolean directTranslated) {

  static Acs parse(String flags) {
    return new Acs(
        flags.contains("SrcValid+"),
        flags.contains("TransBlk+"),
        flags.contains("ReqRedir+"),
        flags.contains("CmpltRedir+"),
        flags.contains("UpstreamFwd+"),
        flags.contains("EgressCtrl+"),
        flags.contains("DirectTrans+"));
  }

  /**
   * Whether peer-to-peer traffic is sent up to the root complex: the three bits that {@code
   * pci_bridge_has_acs_redir()} tests (RR, CR, EC). Upstream Forwarding is not one of them.
   */
  public boolean redirectsPeerToPeer() {
    return requestRedirect || completionRedirect || egressControl;
  }
}
