package dev.dmabufsim.simulator.machine;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Reads what {@code lspci -vv} prints (also {@code -v}, {@code -vvv}, {@code -n}, {@code -nn},
 * {@code -D}, {@code -k}, {@code -x}; with or without root) into a {@link Machine}.
 *
 * <p>Lenient about how lspci's output varies between versions, options and rights, and about how it
 * travels (line ends, indentation, warnings of the tool or the shell in between). Strict about what
 * is not lspci's output, or is cut, or contradicts itself: then the answer is a {@link
 * MachineFormatException} with the line, and never half a machine.
 */
public final class LspciParser {

  /** The longest text that is read: a hundred times the largest known server. */
  public static final int MAX_CHARACTERS = 16 << 20;

  /** The most devices that are read. */
  public static final int MAX_DEVICES = 10_000;

  /** The longest line that is read; lspci's own stay below 400. */
  public static final int MAX_LINE_CHARACTERS = 8_192;

  /** The most lines that are read: a device takes a hundred. */
  public static final int MAX_LINES = 1_000_000;

  private static final Pattern HEX_DUMP =
      Pattern.compile("[0-9a-f]{2,3}:(?: (?:[0-9a-f]{2}|\\?\\?)){1,16} ?");
  private static final Pattern PROMPT =
      Pattern.compile(".{0,200}[#$%>] *(?:sudo +)?(?:\\S*/)?lspci(?: .*)?");
  private static final Pattern TOOL_MESSAGE =
      Pattern.compile("(?:lspci|pcilib|libkmod|modprobe|sudo|WARNING|warning)\\b.*");
  private static final char BYTE_ORDER_MARK = '\uFEFF';

  private final String source;
  private final List<DeviceLines> devices = new ArrayList<>();
  private final Map<PciAddress, Integer> lineOf = new HashMap<>();
  private int skipped;
  private @Nullable DeviceLines current;

  private LspciParser(String source) {
    this.source = source;
  }

  /**
   * The machine that a listing describes.
   *
   * @param sourceName the file's name, for messages
   * @param text the whole listing
   * @throws MachineFormatException if the text is no verbose lspci listing, or contradicts itself
   */
  public static Machine parse(String sourceName, String text) {
    LspciParser parser = new LspciParser(sourceName);
    List<PciDevice> devices = parser.read(text);
    return MachineBuilder.build(sourceName, devices, parser.skipped);
  }

  private List<PciDevice> read(String text) {
    if (text.length() > MAX_CHARACTERS) {
      throw problem(1, "larger than 16 MiB; 'lspci -vv' of one machine is smaller");
    }
    List<String> lines = text.lines().limit(MAX_LINES + 1L).toList();
    if (lines.size() > MAX_LINES) {
      throw problem(MAX_LINES, "more than " + MAX_LINES + " lines; expected one machine's listing");
    }
    int margin = margin(lines);
    boolean unterminated = !text.endsWith("\n") && !text.endsWith("\r");
    int number = 0;
    for (String line : lines) {
      number++;
      String cleaned = clean(number, line, margin);
      if (unterminated && number == lines.size() && !devices.isEmpty()) {
        readLastLine(number, cleaned);
      } else {
        readLine(number, cleaned);
      }
    }
    checkWhole();
    return devices.stream().map(DeviceLines::finish).toList();
  }

  /** A listing that was pasted into an indented block has a margin: it is not lspci's. */
  private static int margin(List<String> lines) {
    return lines.stream()
        .filter(line -> !line.isBlank())
        .mapToInt(line -> line.length() - line.stripLeading().length())
        .min()
        .orElse(0);
  }

  private String clean(int number, String line, int margin) {
    if (line.length() > MAX_LINE_CHARACTERS) {
      throw problem(
          number, "a line of " + line.length() + " characters; lspci prints none so long");
    }
    for (int i = 0; i < line.length(); i++) {
      char c = line.charAt(i);
      if (c < ' ' && c != '\t' && c != '\f') {
        throw problem(number, "binary data, or text in UTF-16; expected the text of 'lspci -vv'");
      }
    }
    String whole =
        number == 1 && !line.isEmpty() && line.charAt(0) == BYTE_ORDER_MARK
            ? line.substring(1)
            : line;
    // To a regular expression these end a line, to lspci they are part of a (badly encoded) name.
    whole = whole.replace('\u0085', '?').replace('\u2028', '?').replace('\u2029', '?');
    return (whole.length() >= margin ? whole.substring(margin) : "").stripTrailing();
  }

  /** A last line without a line end is likely cut: if it is wrong, that is worth saying. */
  private void readLastLine(int number, String line) {
    try {
      readLine(number, line);
    } catch (MachineFormatException e) {
      throw problem(e.line(), e.problem() + " (the file ends within this line)");
    }
  }

  private void readLine(int number, String line) {
    if (line.isEmpty()) {
      return;
    }
    if (DeviceHeader.looksLikeOne(line)) {
      String other = NotVerboseLspci.recognise(line);
      if (other != null) {
        throw problem(number, other);
      }
      begin(number, DeviceHeader.parse(source, number, line));
      return;
    }
    if (HEX_DUMP.matcher(line).matches()) {
      return;
    }
    if (Character.isWhitespace(line.charAt(0)) && current != null) {
      current.accept(number, line.strip());
      return;
    }
    if (TOOL_MESSAGE.matcher(line).matches() || PROMPT.matcher(line).matches()) {
      skipped++;
      return;
    }
    String other = NotVerboseLspci.recognise(line);
    if (other != null) {
      throw problem(number, other);
    }
    if (Character.isWhitespace(line.charAt(0))) {
      throw problem(
          number,
          "an indented line before any device: '"
              + Quote.of(line)
              + "'; expected a line like '01:00.0 VGA compatible controller: Vendor Device' first");
    }
    throw problem(number, DeviceHeader.whyNotOne(line));
  }

  private void begin(int number, DeviceHeader header) {
    Integer earlier = lineOf.putIfAbsent(header.address(), number);
    if (earlier != null) {
      throw problem(
          number,
          "device "
              + header.address()
              + " is listed again (first in line "
              + earlier
              + "); expected each device once");
    }
    if (devices.size() == MAX_DEVICES) {
      throw problem(
          number, "more than " + MAX_DEVICES + " devices; expected one machine's listing");
    }
    current = new DeviceLines(source, number, header);
    devices.add(current);
  }

  private void checkWhole() {
    if (devices.isEmpty()) {
      throw problem(1, "no PCI device in it; expected the output of 'lspci -vv'");
    }
    if (devices.stream().noneMatch(DeviceLines::isVerbose)) {
      throw problem(
          devices.getFirst().line(),
          "device "
              + devices.getFirst().address()
              + " has no details: this is lspci without -v; run 'lspci -vv'");
    }
    DeviceLines last = devices.getLast();
    if (!last.hasLines()) {
      throw problem(
          last.line(),
          "the listing ends after the header of device "
              + last.address()
              + ": it is cut; expected its details, as 'lspci -vv' prints them");
    }
  }

  private MachineFormatException problem(int line, String text) {
    return new MachineFormatException(source, line, text);
  }
}
