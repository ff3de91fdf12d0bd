package dev.dmabufsim.simulator.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;

/**
 * Listings that were cut, shuffled and corrupted: what comes out is a machine that can be printed,
 * or one line that says what is wrong; nothing else, and soon.
 */
class ListingFuzzTest {

  private static final long SEED = 20_260_117;
  private static final int ROUNDS = 1_500;
  private static final Duration LIMIT = Duration.ofMinutes(2);
  private static final String NOISE =
      "\u0085\u202e\t 0123456789abcdef:.[]()<>=,+-KMGT\u0000\u001b\uD83Dé\r\n";

  @Test
  void onlyAMachineOrOneLineOfReasonComesOut() {
    Random random = new Random(SEED);
    List<String> texts = Given.ALL.stream().map(Given::text).toList();
    int[] understood = {0};
    Assertions.assertTimeoutPreemptively(
        LIMIT,
        () -> {
          for (int round = 0; round < ROUNDS; round++) {
            String text = spoil(texts.get(random.nextInt(texts.size())), random);
            understood[0] += tryOne(text, round) ? 1 : 0;
          }
        });
    // If nothing were understood any more, the rest of the test would show nothing.
    assertThat(understood[0]).isBetween(ROUNDS / 10, ROUNDS * 9 / 10);
  }

  private static boolean tryOne(String text, int round) {
    try {
      Machine machine = LspciParser.parse("fuzz", text);
      assertThat(MachineReport.render(machine, ReportOptions.defaults())).isNotBlank();
      return true;
    } catch (MachineFormatException e) {
      assertThat(e.getMessage()).matches("fuzz:\\d+: [^\\p{Cc}\\p{Cf}]+");
      assertThat((long) e.line()).isBetween(1L, Math.max(1L, text.lines().count()));
      return false;
    } catch (RuntimeException e) {
      return fail("round %d, seed %d, threw %s on:%n%s".formatted(round, SEED, e, text), e);
    }
  }

  private static String spoil(String text, Random random) {
    String spoilt = text;
    for (int times = 1 + random.nextInt(3); times > 0; times--) {
      spoilt =
          switch (random.nextInt(7)) {
            case 0 -> spoilt.substring(0, random.nextInt(spoilt.length() + 1));
            case 1 -> spoilt.substring(random.nextInt(spoilt.length() + 1));
            case 2 -> replaceCharacter(spoilt, random);
            case 3 -> onLines(spoilt, random, lines -> Collections.shuffle(lines, random));
            case 4 -> onLines(spoilt, random, lines -> lines.remove(random.nextInt(lines.size())));
            case 5 ->
                onLines(
                    spoilt,
                    random,
                    lines ->
                        lines.add(
                            random.nextInt(lines.size()), lines.get(random.nextInt(lines.size()))));
            default ->
                onLines(
                    spoilt,
                    random,
                    lines ->
                        Collections.swap(
                            lines, random.nextInt(lines.size()), random.nextInt(lines.size())));
          };
    }
    return spoilt;
  }

  private static String replaceCharacter(String text, Random random) {
    if (text.isEmpty()) {
      return text;
    }
    int at = random.nextInt(text.length());
    char noise = NOISE.charAt(random.nextInt(NOISE.length()));
    return text.substring(0, at) + noise + text.substring(at + 1);
  }

  private interface Spoiler {
    void spoil(List<String> lines);
  }

  private static String onLines(String text, Random random, Spoiler spoiler) {
    List<String> lines = new ArrayList<>(text.lines().toList());
    if (!lines.isEmpty()) {
      // A shuffle of everything is never understood: of a part, it sometimes is.
      int from = random.nextInt(lines.size());
      int to = Math.min(lines.size(), from + 1 + random.nextInt(12));
      spoiler.spoil(lines.subList(from, to));
    }
    return String.join("\n", lines) + "\n";
  }
}
