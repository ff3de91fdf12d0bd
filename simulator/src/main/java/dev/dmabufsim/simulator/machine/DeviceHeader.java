package dev.dmabufsim.simulator.machine;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The first line of a device, {@code 01:00.0 VGA compatible controller [0300]: NVIDIA Corporation
 * GT218 [GeForce 210] [10de:0a65] (rev a2) (prog-if 00 [VGA controller])}, taken apart.
 *
 * @param revisionOfNothing revision ff, which is what reading from no device gives
 */
record DeviceHeader(
    PciAddress address,
    String className,
    int classCode,
    String title,
    @Nullable PciIds ids,
    boolean revisionOfNothing) {

  /** Enough of an address to mean that the line wants to be a header. */
  private static final Pattern ADDRESS_LIKE =
      Pattern.compile("((?=[^.]*:)[0-9a-fA-F:]{4,}\\.[0-9a-zA-Z]{1,8})(?:\\s+(.*))?");

  private static final Pattern PATH = Pattern.compile("[0-9a-fA-F:.]+(?:/[0-9a-fA-F:.]+)+\\s.*");
  private static final Pattern CLASS_CODE =
      Pattern.compile("(?:(.*) \\[([0-9a-f]{4})\\]|(?:Class )?([0-9a-f]{4}))");
  private static final Pattern REVISION = Pattern.compile("\\(rev ([0-9a-f]{2})\\)");
  private static final Pattern ENDING = Pattern.compile(" \\((?:rev [0-9a-f]{2}|prog-if .*)\\)$");
  private static final Pattern IDS = Pattern.compile("\\[?([0-9a-f]{4}):([0-9a-f]{4})\\]?$");
  private static final Pattern UNNAMED = Pattern.compile("(.*) Device ([0-9a-f]{4})");
  private static final int REVISION_OF_NOTHING = 0xff;

  static boolean looksLikeOne(String line) {
    return ADDRESS_LIKE.matcher(line).matches();
  }

  /** The header in that line, or the problem with it. */
  static DeviceHeader parse(String source, int number, String line) {
    Matcher parts = ADDRESS_LIKE.matcher(line);
    if (!parts.matches()) {
      throw new MachineFormatException(source, number, whyNotOne(line));
    }
    String written = parts.group(1);
    PciAddress address =
        PciAddress.parse(written)
            .orElseThrow(() ->
                new MachineFormatException(
                    source,
                    number,
                    "impossible PCI address '"
                        + Quote.of(written)
                        + "'; expected [domain:]bus:device.function with bus 00-ff,"
                        + " device 00-1f and function 0-7"));
    String rest = parts.group(2) == null ? "" : parts.group(2);
    int colon = rest.indexOf(": ");
    if (colon <= 0 || colon + 2 >= rest.length()) {
      throw new MachineFormatException(
          source,
          number,
          "the header of device "
              + written
              + " is cut short; expected 'bus:device.function Class: Vendor Device'");
    }
    return describe(address, rest.substring(0, colon), rest.substring(colon + 2));
  }

  /** What to say of a line that is expected to be a header and does not even look like one. */
  static String whyNotOne(String line) {
    if (PATH.matcher(line).matches()) {
      return "a path of bridges ('"
          + Quote.of(line)
          + "') is what lspci -P prints; run 'lspci -vv' without -P";
    }
    return "not a device of lspci: '"
        + Quote.of(line)
        + "'; expected a line like '01:00.0 VGA compatible controller: Vendor Device'"
        + " (the output of 'lspci -vv')";
  }

  private static DeviceHeader describe(PciAddress address, String printedClass, String printed) {
    String className = printedClass;
    int classCode = -1;
    Matcher code = CLASS_CODE.matcher(printedClass);
    if (code.matches()) {
      // "Host bridge [0600]" (-nn), "0600" (-n), "Class 0600" (not in pci.ids).
      boolean named = code.group(1) != null;
      String digits = named ? code.group(2) : code.group(3);
      classCode = Integer.parseInt(digits, 16);
      className = named ? code.group(1) : "Class " + digits;
    }
    Matcher revision = REVISION.matcher(printed);
    boolean revisionOfNothing =
        revision.find() && Integer.parseInt(revision.group(1), 16) == REVISION_OF_NOTHING;
    String title = printed;
    for (Matcher end = ENDING.matcher(title); end.find(); end = ENDING.matcher(title)) {
      title = title.substring(0, end.start());
    }
    Matcher printedIds = IDS.matcher(title);
    PciIds ids = null;
    if (printedIds.find()) {
      ids = ids(printedIds.group(1), printedIds.group(2));
      String named = title.substring(0, printedIds.start()).strip();
      title = named.isEmpty() ? title : named;
    } else {
      ids = idsOfUnnamed(title);
    }
    return new DeviceHeader(address, className, classCode, title, ids, revisionOfNothing);
  }

  private static PciIds ids(String vendor, String device) {
    return new PciIds(Integer.parseInt(vendor, 16), Integer.parseInt(device, 16));
  }

  /** Without -nn, a device that pci.ids does not know still shows its id: "Device 14a4". */
  private static @Nullable PciIds idsOfUnnamed(String title) {
    Matcher unnamed = UNNAMED.matcher(title);
    if (!unnamed.matches()) {
      return null;
    }
    String vendor = unnamed.group(1);
    int device = Integer.parseInt(unnamed.group(2), 16);
    if (vendor.startsWith("Advanced Micro Devices, Inc. [AMD]")) {
      return new PciIds(PciIds.AMD, device);
    }
    if (vendor.startsWith("Intel Corporation")) {
      return new PciIds(PciIds.INTEL, device);
    }
    if (vendor.startsWith("NVIDIA Corporation")) {
      return new PciIds(PciIds.NVIDIA, device);
    }
    return null;
  }
}
