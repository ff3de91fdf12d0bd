package dev.dmabufsim.common.message;

/**
 * The part of a buffer that a call is about, bytes.
 *
 * @param offset where it begins
 * @param length how long it is
 */
public record Span(long offset, long length) {
  /** All of it, whatever its size. */
  public static final Span WHOLE = new Span(0, -1);

  /** How long it is in a buffer of that many bytes. */
  public long lengthIn(long bytes) {
    return equals(WHOLE) ? bytes : length;
  }

  /** Whether it is a part of a buffer of that many bytes, and not an empty one. */
  public boolean within(long bytes) {
    // Without a sum, which may overflow.
    return equals(WHOLE)
        || (offset >= 0 && length > 0 && offset < bytes && length <= bytes - offset);
  }
}
