package dev.dmabufsim.cluster;

/**
 * Where a node listens.
 *
 * @param host a name or an address that the other nodes can reach
 * @param port 1 to 65,535, or 0 for one that the operating system picks
 */
public record NodeAddress(String host, int port) {
  /** The name of every cluster of this program; nodes of another name are refused. */
  public static final String SYSTEM = "dmabuf-sim";

  /** As Akka writes it. */
  public String akka() {
    return "akka://" + SYSTEM + "@" + host + ":" + port;
  }

  /**
   * Reads {@code HOST:PORT}.
   *
   * @throws IllegalArgumentException with what would be right
   */
  public static NodeAddress parse(String text) {
    int colon = text.lastIndexOf(':');
    if (colon <= 0) {
      throw new IllegalArgumentException("'" + text + "' is not HOST:PORT");
    }
    int port;
    try {
      port = Integer.parseInt(text.substring(colon + 1));
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException("'" + text + "' is not HOST:PORT", e);
    }
    if (port < 0 || port > 65_535) {
      throw new IllegalArgumentException("'" + text + "': a port is 0 to 65535");
    }
    return new NodeAddress(text.substring(0, colon), port);
  }

  @Override
  public String toString() {
    return host + ":" + port;
  }
}
