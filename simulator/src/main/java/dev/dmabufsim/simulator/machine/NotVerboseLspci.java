package dev.dmabufsim.simulator.machine;

import java.util.Locale;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What else people hand over as a listing, recognised by one line, so that the message can say what
 * to run instead of only that the line is wrong.
 */
final class NotVerboseLspci {

  private static final Pattern MACHINE_READABLE = Pattern.compile("[0-9a-f:]+\\.[0-7] \".*");
  private static final Pattern TREE = Pattern.compile("\\s*(?:-\\[|-\\+-|\\+-|\\\\-|\\|).*");
  private static final Pattern RECORD = Pattern.compile("(?:Slot|Device|Class|Vendor):\\t.*");

  private NotVerboseLspci() {}

  /** What that line belongs to and what to run, or null if it is nothing known. */
  static @Nullable String recognise(String line) {
    String start = line.stripLeading().toLowerCase(Locale.ROOT);
    if (start.startsWith("<!doctype") || start.startsWith("<html") || start.startsWith("<?xml")) {
      return "this is an HTML or XML page, not lspci output; save the plain text of 'lspci -vv'";
    }
    if (MACHINE_READABLE.matcher(line).matches() || RECORD.matcher(line).matches()) {
      return "this is lspci -m, which leaves out BARs and capabilities; run 'lspci -vv'";
    }
    if (TREE.matcher(line).matches()) {
      return "this is lspci -t, which leaves out BARs and capabilities; run 'lspci -vv'";
    }
    return null;
  }
}
