package dev.dmabufsim.simulator.machine;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A BAR as lspci's {@code show_bases()} prints it: {@code Region 1: Memory at 3f000000000 (64-bit,
 * prefetchable) [size=64G]}, or without {@code Region 1:} when given a single {@code -v}.
 */
final class RegionLine {

  private static final Pattern NUMBERED = Pattern.compile("Region (\\d{1,4}): (.*)");
  private static final Pattern MEMORY =
      Pattern.compile(
          "(?:\\[[a-z]+\\] )*Memory at ([0-9a-f]{1,16}|<[^>]*>)"
              + " \\([^(),]*, (non-)?prefetchable\\)(.*)");
  private static final Pattern PORTS =
      Pattern.compile("(?:\\[[a-z]+\\] )*I/O ports at ([0-9a-f]{1,16}|<[^>]*>)(.*)");
  private static final Pattern SIZE = Pattern.compile("\\[size=(\\d{1,10})([KMGT]?)\\]");
  private static final String UNITS = "KMGT";
  private static final int HIGHEST_INDEX = 5;

  private RegionLine() {}

  static boolean isOne(String line) {
    return line.startsWith("Region ")
        || line.startsWith("Memory at ")
        || line.startsWith("I/O ports at ")
        || line.startsWith("[virtual] Memory at ")
        || line.startsWith("[virtual] I/O ports at ");
  }

  /** The BAR in that line, or null if the line is not understood. */
  static @Nullable Bar parse(String line) {
    int index = Bar.UNNUMBERED;
    String rest = line;
    Matcher numbered = NUMBERED.matcher(line);
    if (numbered.matches()) {
      index = Integer.parseInt(numbered.group(1));
      rest = numbered.group(2);
      if (index > HIGHEST_INDEX) {
        return null;
      }
    }
    Matcher memory = MEMORY.matcher(rest);
    if (memory.matches()) {
      return bar(index, true, memory.group(1), memory.group(2) == null, memory.group(3));
    }
    Matcher ports = PORTS.matcher(rest);
    if (ports.matches()) {
      return bar(index, false, ports.group(1), false, ports.group(2));
    }
    return null;
  }

  private static @Nullable Bar bar(
      int index, boolean memory, String address, boolean prefetchable, String flags) {
    boolean assigned = !address.startsWith("<");
    long sizeBytes = 0;
    if (flags.contains("[size=") && !SIZE.matcher(flags).find()) {
      return null;
    }
    Matcher size = SIZE.matcher(flags);
    if (size.find()) {
      int shift = size.group(2).isEmpty() ? 0 : 10 * (UNITS.indexOf(size.group(2)) + 1);
      long number = Long.parseLong(size.group(1));
      // Ten digits of terabytes are more than 64 bits of address space.
      if (number == 0 || number > Long.MAX_VALUE >> shift) {
        return null;
      }
      sizeBytes = number << shift;
    }
    return new Bar(
        index,
        memory,
        assigned ? Long.parseUnsignedLong(address, 16) : 0,
        assigned,
        prefetchable,
        sizeBytes,
        false,
        flags.contains("[disabled]"));
  }
}
