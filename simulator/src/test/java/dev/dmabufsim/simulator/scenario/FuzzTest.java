package dev.dmabufsim.simulator.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Whatever bytes a file has, loading it ends soon, with a scenario or with one line. */
@Timeout(60)
class FuzzTest {
  private static final int SEEDS = 250;

  static Stream<String> names() {
    return BundledScenarios.names().stream();
  }

  @ParameterizedTest
  @MethodSource("names")
  void aDamagedFileGivesAScenarioOrOneLine(String name) {
    byte[] whole = BundledScenarios.text(name).getBytes(StandardCharsets.UTF_8);
    int refused = 0;
    for (int seed = 0; seed < SEEDS; seed++) {
      refused += refused(damaged(whole, new Random(seed)), "seed " + seed) ? 1 : 0;
    }
    // Much of these files is comments, so that some damage is harmless; but not most of it.
    assertThat(refused).isBetween(SEEDS / 4, SEEDS - 1);
  }

  @ParameterizedTest
  @MethodSource("names")
  void aFileCutShortGivesAScenarioOrOneLine(String name) {
    byte[] whole = BundledScenarios.text(name).getBytes(StandardCharsets.UTF_8);
    for (int length = 0; length < whole.length; length += 7) {
      refused(Arrays.copyOf(whole, length), "length " + length);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "[", "{", "- ", "? ", "!", "'", "|\n", "\n", "-", "{a: ", "- a\n", "a,", "#", ">\n "
      })
  void theLargestFileOfOnePartEndsSoon(String part) {
    assertEndsSoon(part.repeat(Limits.FILE_BYTES_MAX / part.length()));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "k%s: 1\n",
        "nodes: {|n%s: {role: iommu},|}",
        "nodes: {m: {role: importer, devices: {|d%s: {kind: iommufd},|}}}",
        "importers: {|k%s: {},|}",
        "importers: {dpu: {fences: [|{usage: read, delay: %sus},|]}}",
        "nodes: {e: {role: exporter, devices: {|d%s: {kind: vfio-pci},|}}, i: {role: iommu}, m:"
            + " {role: importer, devices: {x: {kind: iommufd, exporters: [y]}}}}",
        "machine: {file: /dev/null, kinds: {|0%s: iommufd,|}}",
        "thresholds: [|dma.bytes == %s,|]\n",
        "refusals: [|{exporter: gpu, importer: n%s, because: b},|]\n",
        "faults: [|{kill: n%s},|]\n"
      })
  void theLargestFileOfManyNamesEndsSoon(String form) {
    List<String> parts = List.of(form.split("\\|", -1));
    String one = parts.get(parts.size() / 2);
    StringBuilder yaml = new StringBuilder(form.startsWith("nodes") ? "" : Given.LEAST);
    yaml.append(parts.size() == 3 ? parts.getFirst() : "");
    for (int i = 0; yaml.length() < Limits.FILE_BYTES_MAX - 1000; i++) {
      yaml.append(one.formatted(i));
    }
    assertEndsSoon(yaml.append(parts.size() == 3 ? parts.getLast() : "").toString());
  }

  @Test
  void aRandomOverrideGivesAScenarioOrOneLine() {
    List<String> parts =
        List.of(
            "nodes",
            "faults",
            "revokes",
            "rounds",
            "devices",
            "0000:17:00.0",
            "importer-1",
            "=",
            "5",
            "[0]",
            "[99]",
            ".",
            "{a: b}",
            "[",
            "]",
            "1s",
            "*",
            "",
            "machine",
            "kinds");
    for (int seed = 0; seed < 2000; seed++) {
      Random random = new Random(seed);
      StringBuilder set = new StringBuilder();
      for (int i = random.nextInt(8); i >= 0; i--) {
        set.append(parts.get(random.nextInt(parts.size()))).append(random.nextBoolean() ? "." : "");
      }
      String argument = set.append(random.nextBoolean() ? "=1" : "").toString();
      assertThat(Given.refusal(BundledScenarios.text("dead-importer"), argument))
          .as("seed %s: --set %s", seed, argument)
          .matches("(s\\.yaml:[0-9]+|--set .*): .+; .+|accepted: .*");
    }
  }

  private static void assertEndsSoon(String yaml) {
    long begun = System.nanoTime();
    refused(yaml.getBytes(StandardCharsets.UTF_8), yaml.substring(0, 20));
    assertThat(Duration.ofNanos(System.nanoTime() - begun)).isLessThan(Duration.ofSeconds(10));
  }

  private static boolean refused(byte[] bytes, String what) {
    Origin file = Origin.file("f");
    try {
      String text = ScenarioSource.decode(bytes, file);
      Scenario scenario = ScenarioLoader.parse(text, "f", Path.of("/"), List.of(), Given.PLENTY);
      // What was accepted can be written and read again.
      assertThat(Given.load(ScenarioWriter.toYaml(scenario))).as(what).isEqualTo(scenario);
      return false;
    } catch (ScenarioException e) {
      assertThat(e.getMessage())
          .as(what)
          .matches("f:[0-9]+: [^\\n\\r\\t\\u0000]+; [^\\n\\r\\t\\u0000]+")
          .hasSizeLessThan(700);
      return true;
    }
  }

  /** Bytes flipped, and lines deleted, doubled or moved, a few times. */
  private static byte[] damaged(byte[] whole, Random random) {
    byte[] bytes = whole;
    for (int i = 0; i <= random.nextInt(3); i++) {
      bytes = random.nextBoolean() ? flipped(bytes, random) : relined(bytes, random);
    }
    return bytes;
  }

  private static byte[] flipped(byte[] bytes, Random random) {
    byte[] changed = bytes.clone();
    if (changed.length > 0) {
      int at = random.nextInt(changed.length);
      // Mostly to characters that mean something to YAML.
      String special = "{}[]:,-#&*!|>'\"%@`? \n\t\0" + (char) random.nextInt(256);
      changed[at] = (byte) special.charAt(random.nextInt(special.length()));
    }
    return changed;
  }

  private static byte[] relined(byte[] bytes, Random random) {
    // Byte for byte, so that text that is no longer UTF-8 stays what it is.
    List<String> lines =
        new ArrayList<>(new String(bytes, StandardCharsets.ISO_8859_1).lines().toList());
    if (!lines.isEmpty()) {
      String line = lines.remove(random.nextInt(lines.size()));
      for (int i = random.nextInt(3); i > 0; i--) {
        lines.add(random.nextInt(lines.size() + 1), line);
      }
    }
    return String.join("\n", lines).getBytes(StandardCharsets.ISO_8859_1);
  }
}
