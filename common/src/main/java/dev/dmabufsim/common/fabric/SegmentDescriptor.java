package dev.dmabufsim.common.fabric;

/**
 * The layout of a segment's file, and the only place that knows it: the buffer's bytes from 0 on,
 * and behind them one page that says whose they are, written by the exporter alone.
 *
 * <pre>
 *  0                                bytes                    bytes + 4096
 *  +--------------------------------+--------------------------------+
 *  | the buffer's memory            | 0 owner (8)    8 unused (4088) |
 *  +--------------------------------+--------------------------------+
 * </pre>
 *
 * The owner is the generation of whoever owns the memory now: a buffer's, while it is exported, or
 * its next owner's, or one of the two numbers below. The page goes with the memory when that is
 * severed.
 */
public final class SegmentDescriptor {
  /** Owner: nobody. */
  public static final long OWNER_NOBODY = 0;

  /** Owner: the device decodes nothing, an access gets no answer. */
  public static final long OWNER_UNREACHABLE = -1;

  static final long HEADER_BYTES = 4096;
  static final long OWNER_AT = 0;

  private SegmentDescriptor() {}

  static long fileBytes(long bytes) {
    return bytes + HEADER_BYTES;
  }

  static long dataBytes(long fileBytes) {
    return fileBytes - HEADER_BYTES;
  }
}
