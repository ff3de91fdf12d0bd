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
}
