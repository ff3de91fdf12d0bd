package dev.dmabufsim.simulator.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What is not a listing is refused, with the line and with what would be right. */
class BadListingTest {

  private static final String CARD = Given.endpoint("05:00.0", "nvme");

  static Stream<Arguments> badListings() {
    return Stream.of(
        bad("an empty file", "", "x:1: no PCI device in it; expected the output of 'lspci -vv'"),
        bad(
            "only blank lines",
            "\n\n  \n",
            "x:1: no PCI device in it; expected the output of 'lspci -vv'"),
        bad(
            "binary data",
            "\u007fELF\u0002\u0001\u0000",
            "x:1: binary data, or text in UTF-16; expected the text of 'lspci -vv'"),
        bad(
            "UTF-16 read as something else",
            "0\u00000\u0000:\u0000\n",
            "x:1: binary data, or text in UTF-16; expected the text of 'lspci -vv'"),
        bad(
            "a web page",
            "<!DOCTYPE html>\n<html><body>01:00.0</body></html>\n",
            "x:1: this is an HTML or XML page, not lspci output; save the plain text of 'lspci"
                + " -vv'"),
        bad(
            "lspci -tv",
            "-+-[0000:20]-+-00.0  Intel Corporation Device\n |           \\-01.0  Foo\n",
            "x:1: this is lspci -t, which leaves out BARs and capabilities; run 'lspci -vv'"),
        bad(
            "lspci -mm",
            "00:00.0 \"Host bridge\" \"Intel Corporation\" \"Device 3405\" -r12 \"\" \"\"\n",
            "x:1: this is lspci -m, which leaves out BARs and capabilities; run 'lspci -vv'"),
        bad(
            "lspci -vmm",
            "Slot:\t00:00.0\nClass:\tHost bridge\n",
            "x:1: this is lspci -m, which leaves out BARs and capabilities; run 'lspci -vv'"),
        bad(
            "lspci without -v",
            "00:00.0 Host bridge: Foo\n01:00.0 VGA compatible controller: Bar\n",
            "x:1: device 0000:00:00.0 has no details: this is lspci without -v; run 'lspci -vv'"),
        bad(
            "lspci -k",
            "00:00.0 Host bridge: Foo\n\tKernel driver in use: bar\n",
            "x:1: device 0000:00:00.0 has no details: this is lspci without -v; run 'lspci -vv'"),
        bad(
            "lspci -P",
            CARD + "00:1c.0/00.0 Ethernet controller: Foo\n",
            "x:7: a path of bridges ('00:1c.0/00.0 Ethernet controller: Foo') is what lspci -P"
                + " prints; run 'lspci -vv' without -P"),
        bad(
            "another text",
            "Linux version 7.1.0\n",
            "x:1: not a device of lspci: 'Linux version 7.1.0'; expected a line like '01:00.0 VGA"
                + " compatible controller: Vendor Device' (the output of 'lspci -vv')"),
        bad(
            "another text after a device",
            CARD + "[    0.000000] Linux version 7.1.0\n",
            "x:7: not a device of lspci: '[    0.000000] Linux version 7.1.0'; expected a line like"
                + " '01:00.0 VGA compatible controller: Vendor Device' (the output of 'lspci"
                + " -vv')"),
        bad(
            "a header cut in its class",
            CARD + "06:00.0 VGA compat",
            "x:7: the header of device 06:00.0 is cut short; expected 'bus:device.function Class:"
                + " Vendor Device' (the file ends within this line)"),
        bad(
            "a header cut in its address",
            CARD + "06:0",
            "x:7: not a device of lspci: '06:0'; expected a line like '01:00.0 VGA compatible"
                + " controller: Vendor Device' (the output of 'lspci -vv') (the file ends within"
                + " this line)"),
        bad(
            "a listing that ends after a header",
            CARD + "06:00.0 VGA compatible controller: Foo\n",
            "x:7: the listing ends after the header of device 0000:06:00.0: it is cut; expected its"
                + " details, as 'lspci -vv' prints them"),
        bad(
            "a device twice",
            CARD + CARD.replace("05:00.0", "0000:05:00.0"),
            "x:7: device 0000:05:00.0 is listed again (first in line 1); expected each device"
                + " once"),
        bad(
            "a device number above 1f",
            "05:20.0 Ethernet controller: Foo\n",
            "x:1: impossible PCI address '05:20.0'; expected [domain:]bus:device.function with bus"
                + " 00-ff, device 00-1f and function 0-7"),
        bad(
            "a function number above 7",
            "0000:05:00.8 Ethernet controller: Foo\n",
            "x:1: impossible PCI address '0000:05:00.8'; expected [domain:]bus:device.function with"
                + " bus 00-ff, device 00-1f and function 0-7"),
        bad(
            "a bus number above ff",
            "105:00.0 Ethernet controller: Foo\n",
            "x:1: impossible PCI address '105:00.0'; expected [domain:]bus:device.function with bus"
                + " 00-ff, device 00-1f and function 0-7"),
        bad(
            "an indented line before any device",
            "\tSubsystem: Foo\n" + CARD,
            "x:1: an indented line before any device: 'Subsystem: Foo'; expected a line like"
                + " '01:00.0 VGA compatible controller: Vendor Device' first"),
        bad(
            "a BAR that is none",
            CARD.replace("(64-bit, prefetchable)", "(64-bit"),
            "x:3: BAR not understood: 'Region 0: Memory at 90000000 (64-bit [size=16M]'; expected"
                + " 'Region 0: Memory at f8000000 (64-bit, prefetchable) [size=16M]'"),
        bad(
            "a BAR larger than all addresses",
            CARD.replace("16M", "4000000000T"),
            "x:3: BAR not understood: 'Region 0: Memory at 90000000 (64-bit, prefetchable)"
                + " [size=4000000000T]'; expected 'Region 0: Memory at f8000000 (64-bit,"
                + " prefetchable) [size=16M]'"),
        bad(
            "a BAR of no size that there is",
            CARD.replace("16M", "12XG"),
            "x:3: BAR not understood: 'Region 0: Memory at 90000000 (64-bit, prefetchable)"
                + " [size=12XG]'; expected 'Region 0: Memory at f8000000 (64-bit, prefetchable)"
                + " [size=16M]'"),
        bad(
            "bus numbers that are none",
            Given.bridge("00:01.0", "Root Port", "1", "01", ""),
            "x:3: bus numbers not understood: 'Bus: primary=00, secondary=1, subordinate=01,"
                + " sec-latency=0'; expected 'Bus: primary=00, secondary=01, subordinate=0a'"),
        bad(
            "a bridge that ends before it begins",
            Given.bridge("00:01.0", "Root Port", "05", "04", ""),
            "x:1: bridge 0000:00:01.0 claims buses 05 to 04, which ends before it begins; expected"
                + " secondary <= subordinate"),
        bad(
            "a bridge above itself",
            Given.bridge("00:01.0", "Root Port", "02", "03", "")
                + Given.bridge("02:00.0", "Upstream Port", "02", "03", ""),
            "x:9: bridge 0000:02:00.0 claims buses 02 to 03, which is not above its own bus 02: a"
                + " bridge cannot lead to itself; expected a higher secondary bus"),
        bad(
            "two bridges to one bus",
            Given.bridge("00:01.0", "Root Port", "01", "01", "")
                + Given.bridge("00:02.0", "Root Port", "01", "02", ""),
            "x:9: bridge 0000:00:02.0 claims buses 01 to 02, and so does bridge 0000:00:01.0 (line"
                + " 1); expected one bridge to each bus"),
        bad(
            "bridges side by side whose buses overlap",
            Given.bridge("00:01.0", "Root Port", "01", "05", "")
                + Given.bridge("00:02.0", "Root Port", "04", "07", ""),
            "x:9: bridge 0000:00:02.0 claims buses 04 to 07, but bridge 0000:00:01.0 (line 1) has"
                + " buses 01-05 behind it and does not lead to it; expected ranges that nest or"
                + " keep apart"));
  }

  private static Arguments bad(String name, String text, String message) {
    return Arguments.of(name, text, message);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("badListings")
  void saysInOneLineWhereAndWhatIsWrongAndWhatWouldBeRight(
      String name, String text, String message) {
    assertThatThrownBy(() -> LspciParser.parse("x", text))
        .isInstanceOf(MachineFormatException.class)
        .hasMessage(message);
  }

  @Test
  void refusesMoreDevicesThanTheLimit() {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i <= LspciParser.MAX_DEVICES; i++) {
      text.append(
          "%04x:%02x:%02x.%x Foo: Bar%n".formatted(i >> 16, i >> 8 & 0xff, i >> 3 & 0x1f, i & 7));
      text.append("\tFlags: fast devsel\n");
    }

    assertThatThrownBy(() -> LspciParser.parse("x", text.toString()))
        .hasMessage("x:20001: more than 10000 devices; expected one machine's listing");
  }

  @Test
  void refusesMoreTextThanTheLimit() {
    String text = CARD + "\n".repeat(LspciParser.MAX_CHARACTERS);

    assertThatThrownBy(() -> LspciParser.parse("x", text))
        .hasMessage("x:1: larger than 16 MiB; 'lspci -vv' of one machine is smaller");
  }

  @Test
  void refusesALineLongerThanTheLimit() {
    String text = CARD + "\t" + "x".repeat(LspciParser.MAX_LINE_CHARACTERS) + "\n";

    assertThatThrownBy(() -> LspciParser.parse("x", text))
        .hasMessage("x:7: a line of 8193 characters; lspci prints none so long");
  }

  @Test
  void quotesNothingThatMovesTheCursor() {
    MachineFormatException problem =
        new MachineFormatException("a\nb", 3, "bad \u001b[31mred\u2028 text");

    assertThat(problem).hasMessage("a?b:3: bad ?[31mred? text");
    assertThat(List.of(problem.source(), problem.problem()))
        .containsExactly("a\nb", "bad \u001b[31mred\u2028 text");
    assertThat(problem.line()).isEqualTo(3);
  }
}
