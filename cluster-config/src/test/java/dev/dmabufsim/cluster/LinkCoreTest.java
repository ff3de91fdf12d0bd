package dev.dmabufsim.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.control.LinkRule;
import dev.dmabufsim.common.control.LinkRule.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class LinkCoreTest {
  private static final int MANY = 20_000;
  private static final long MILLI = 1_000_000;

  private static LinkRule rule(Kind kind, double share, long min, long max, long speed) {
    return new LinkRule("a", "me", kind, share, min, max, speed);
  }

  private static LinkRule rule(Kind kind, double share) {
    return rule(kind, share, MILLI, 5 * MILLI, 1_000_000);
  }

  /** When the copies of each of so many messages are due, one message each 100 us. */
  private static List<List<Long>> play(String from, int messages, LinkRule... rules) {
    LinkCore.State state = LinkCore.State.whole(7).rules(List.of(rules));
    List<List<Long>> due = new ArrayList<>();
    for (int i = 0; i < messages; i++) {
      LinkCore.Step step = LinkCore.received(state, from, "me", 1000, sent(i));
      state = step.state();
      due.add(step.copies());
    }
    return due;
  }

  private static long sent(int i) {
    // Across the overflow of the clock.
    return Long.MAX_VALUE - MILLI + i * 100_000L;
  }

  @Test
  void aWholeLinkHandsOnAtOnce() {
    List<List<Long>> due = play("a", 100);
    for (int i = 0; i < due.size(); i++) {
      assertThat(due.get(i)).containsExactly(sent(i));
    }
  }

  @ParameterizedTest
  @EnumSource
  void aRuleConcernsItsLinkOnlyAndOneWay(Kind kind) {
    List<List<Long>> due = play("b", 100, rule(kind, 1));
    for (int i = 0; i < due.size(); i++) {
      assertThat(due.get(i)).containsExactly(sent(i));
    }
    LinkCore.State back =
        LinkCore.State.whole(7).rules(List.of(new LinkRule("me", "a", kind, 1, MILLI, MILLI, 1)));
    assertThat(LinkCore.received(back, "a", "me", 1000, 5).copies()).containsExactly(5L);
  }

  @Test
  void aCutLinkHandsOnNothing() {
    assertThat(play("a", 100, rule(Kind.CUT, 1))).allMatch(List::isEmpty);
  }

  @Test
  void aTenthIsLost() {
    long lost = play("a", MANY, rule(Kind.DROP, 0.1)).stream().filter(List::isEmpty).count();
    assertThat(lost).isBetween(MANY / 10 * 8L / 10, MANY / 10 * 12L / 10);
  }

  @Test
  void aTenthIsRepeated() {
    List<List<Long>> due = play("a", MANY, rule(Kind.DUPLICATE, 0.1));
    long twice = due.stream().filter(d -> d.size() == 2).count();
    assertThat(twice).isBetween(MANY / 10 * 8L / 10, MANY / 10 * 12L / 10);
    assertThat(due).allMatch(d -> d.size() == 1 || d.size() == 2);
  }

  @Test
  void aDelayKeepsTheOrderAndIsWithinItsRange() {
    List<List<Long>> due = play("a", MANY, rule(Kind.DELAY, 1));
    List<Long> waits =
        IntStream.range(0, MANY).mapToObj(i -> due.get(i).getFirst() - sent(i)).toList();
    assertThat(waits).allMatch(w -> w >= MILLI && w <= 5 * MILLI);
    assertThat(waits.stream().distinct().count()).isGreaterThan(10);
    for (int i = 1; i < MANY; i++) {
      assertThat(due.get(i).getFirst() - due.get(i - 1).getFirst()).isNotNegative();
    }
  }

  @Test
  void someAreOvertaken() {
    List<List<Long>> due = play("a", MANY, rule(Kind.REORDER, 0.1));
    long waiting =
        IntStream.range(0, MANY).filter(i -> due.get(i).getFirst() - sent(i) > 0).count();
    long overtaken =
        IntStream.range(1, MANY)
            .filter(i -> due.get(i - 1).getFirst() - due.get(i).getFirst() > 0)
            .count();
    assertThat(waiting).isBetween(MANY / 10 * 8L / 10, MANY / 10 * 12L / 10);
    assertThat(overtaken).isPositive();
  }

  @Test
  void aSlowLinkCarriesSoManyBytesASecond() {
    // 1,000 bytes at 1 MB/s take a millisecond, and one is sent every 100 us.
    List<List<Long>> due = play("a", 100, rule(Kind.SLOW, 1));
    for (int i = 0; i < due.size(); i++) {
      assertThat(due.get(i).getFirst()).isEqualTo(sent(0) + (i + 1) * MILLI);
    }
  }

  @Test
  void whateverTheRulesNothingComesBeforeItWasSentAndEqualSeedsPlayEqually() {
    RandomGenerator random = RandomGenerator.of("L64X128MixRandom");
    for (int round = 0; round < 200; round++) {
      List<LinkRule> rules =
          IntStream.range(0, random.nextInt(1, 5))
              .mapToObj(i ->
                  rule(
                      List.of(Kind.values()).get(random.nextInt(Kind.values().length)),
                      random.nextDouble()))
              .toList();
      LinkCore.State one = LinkCore.State.whole(round).rules(rules);
      LinkCore.State two = LinkCore.State.whole(round).rules(rules);
      for (int i = 0; i < 50; i++) {
        long now = sent(i);
        LinkCore.Step step = LinkCore.received(one, "a", "me", 100, now);
        assertThat(LinkCore.received(two, "a", "me", 100, now)).isEqualTo(step);
        assertThat(step.copies()).allMatch(d -> d - now >= 0);
        one = step.state();
        two = step.state();
      }
    }
  }
}
