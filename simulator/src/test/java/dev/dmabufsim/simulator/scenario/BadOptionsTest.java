package dev.dmabufsim.simulator.scenario;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Options with values that they cannot have, in line 11: the whole line that says so. */
class BadOptionsTest {

  @ParameterizedTest(name = "{0}")
  @MethodSource("table")
  void isRefusedWithOneLine(String option, String expected) {
    assertThat(Given.refusal(Given.plus(option + "\n"))).isEqualTo("s.yaml:11: " + expected);
  }

  static List<Arguments> table() {
    String duration = "; write a whole number and us, ms, s or m, such as 250ms";
    return List.of(
        arguments(
            "revoke: {rounds: 4}",
            "unknown key 'revoke'; did you mean 'revokes'? legal here: name, description,"
                + " modelled-on, contract, bound, revokes, dma, importers, nodes, faults, thresholds,"
                + " machine, cluster, refusals"),
        arguments(
            "revokes: {xyzzy: 4}",
            "unknown key 'xyzzy' in revokes; legal here: order, rounds, every, hold, limit"),
        arguments("revokes:", "revokes is empty; write a map: 'key: value'"),
        arguments("revokes: 5", "revokes is a single value; write a map: 'key: value'"),
        arguments("revokes: {rounds: [5]}", "revokes.rounds is a list; write a single value"),
        arguments(
            "revokes: {rounds: }",
            "revokes.rounds has no value; write one behind it, or leave the key out"),
        arguments("revokes: {rounds: 0}", count("0")),
        arguments("revokes: {rounds: 1000001}", count("1000001")),
        arguments("revokes: {rounds: -3}", count("-3")),
        arguments("revokes: {rounds: 99999999999999999999}", count("99999999999999999999")),
        arguments("revokes: {rounds: 010}", noCount("010")),
        arguments("revokes: {rounds: 0x10}", noCount("0x10")),
        arguments("revokes: {rounds: 1_000}", noCount("1_000")),
        arguments("revokes: {rounds: 1:00}", noCount("1:00")),
        arguments("revokes: {rounds: 4.0}", noCount("4.0")),
        arguments("revokes: {rounds: ~}", noCount("~")),
        arguments(
            "revokes: {every: 10 parsecs}",
            "revokes.every is '10 parsecs', a duration in the unknown unit 'parsecs'" + duration),
        arguments(
            "revokes: {every: 100}",
            "revokes.every is '100', a duration without a unit" + duration),
        arguments(
            "revokes: {every: 1.5s}", "revokes.every is '1.5s', a fractional duration" + duration),
        arguments(
            "revokes: {every: -1s}", "revokes.every is '-1s', a negative duration" + duration),
        arguments("revokes: {every: soon}", "revokes.every is 'soon', not a duration" + duration),
        arguments(
            "revokes: {every: 11m}", "revokes.every is '11m', out of range; write from 0s to 10m"),
        arguments(
            "revokes: {hold: 9999999999999999999m}",
            "revokes.hold is '9999999999999999999m', out of range; write from 0s to 10m"),
        arguments("bound: {ask: 0s}", "bound.ask is '0s', out of range; write from 1us to 5m"),
        arguments(
            "revokes: {limit: 1s}",
            "revokes.limit is 1s, less than the bound (ask + block + sever = 1500ms);"
                + " write at least 1500ms"),
        arguments(
            "revokes: {rounds: 1000000, every: 1s}",
            "1000000 rounds of 1010ms (every + hold) take longer than a day;"
                + " at most 85544 such rounds fit"),
        arguments(
            "dma: {reads: 0.3}",
            "dma.reads is '0.3', not a percentage; write a percentage from 0%" + " to 100%"),
        arguments(
            "dma: {reads: 101%}",
            "dma.reads is '101%', out of range; write a percentage from 0% to 100%"),
        arguments(
            "dma: {duty: 0%}",
            "dma.duty is '0%', out of range; write a percentage above 0% and up to 100%"),
        arguments(
            "dma: {duty: 0.0000001%}",
            "dma.duty is '0.0000001%', too exact; write at most 6 decimals"),
        arguments(
            "dma: {sizes: 64B..1MB}",
            "dma.sizes is '1MB', a size in the unknown unit 'MB'; write MiB"),
        arguments(
            "dma: {sizes: 100B..1MiB}",
            "dma.sizes is '100B', not a multiple of 64B; the nearest below is 64B"),
        arguments(
            "dma: {sizes: 64B..2MiB}",
            "dma.sizes goes up to 2MiB, the smallest buffer has 1MiB;"
                + " a transfer must fit into every buffer"),
        arguments(
            "dma: {sizes: 4KiB..64B}",
            "dma.sizes is '4KiB..64B', not a range of sizes; write the smaller and the larger, such"
                + " as 64B..1MiB"),
        arguments(
            "dma: {sizes: 64B..128B..1KiB}",
            "dma.sizes is '64B..128B..1KiB', not a range of sizes; write the smaller and the"
                + " larger, such as 64B..1MiB"),
        arguments(
            "contract: V7",
            "contract is 'V7', which is no contract; did you mean 'v7'? legal here: v2, v3,"
                + " v4, v5, v7, enforced"),
        arguments(
            "name: ../../etc",
            "name is '../../etc'; write up to 64 letters, digits and any of . _ -, a letter or"
                + " digit first"),
        arguments(
            "description: \"two\\nlines\"",
            "description is more than one line of text; write one line, without tabs"),
        arguments(
            "description: " + "x".repeat(1001),
            "description is 1001 characters long; write at most 1000"),
        arguments(
            "cluster: {port: 80}",
            "cluster.port is 80, which only root may open; write 0 for a free one, or a port from"
                + " 1024"),
        arguments(
            "machine: lspci.txt",
            "both 'nodes' and 'machine' are there; keep one: a machine's nodes are made from its"
                + " devices"));
  }

  private static String count(String text) {
    return "revokes.rounds is '" + text + "', out of range; write a whole number from 1 to 1000000";
  }

  private static String noCount(String text) {
    return "revokes.rounds is '"
        + text
        + "', not a whole number; write a whole number from 1 to 1000000";
  }
}
