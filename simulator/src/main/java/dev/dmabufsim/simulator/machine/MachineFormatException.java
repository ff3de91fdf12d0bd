package dev.dmabufsim.simulator.machine;

/**
 * The text is not what {@code lspci -vv} prints, or contradicts itself. The message is one line,
 * {@code SOURCE:LINE: what is wrong, what would be right}, for the user to act on.
 */
public final class MachineFormatException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  private final String source;
  private final int line;
  private final String problem;

  /**
   * A problem in one line of a source.
   *
   * @param line the line's number, from 1
   */
  public MachineFormatException(String source, int line, String problem) {
    // Input is quoted in messages; a control character in it must not break or colour the line.
    super(Layout.clean(source) + ":" + line + ": " + Layout.clean(problem));
    this.source = source;
    this.line = line;
    this.problem = problem;
  }

  /** The file's name, or what stands for standard input. */
  public String source() {
    return source;
  }

  /** The line's number, from 1. */
  public int line() {
    return line;
  }

  /** What is wrong, without its place. */
  public String problem() {
    return problem;
  }
}
