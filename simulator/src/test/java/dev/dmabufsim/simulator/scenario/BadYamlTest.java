package dev.dmabufsim.simulator.scenario;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What is no YAML, or YAML of the tricky kind: the whole line that says so. */
class BadYamlTest {

  @ParameterizedTest(name = "{0}")
  @MethodSource("table")
  void isRefusedWithOneLine(String what, String yaml, String expected) {
    assertThat(Given.refusal(yaml)).as(what).isEqualTo(expected);
  }

  static List<Arguments> table() {
    return List.of(
        arguments(
            "an empty file", "", "s.yaml:1: nothing is written there; at least 'nodes:' is needed"),
        arguments(
            "a file of comments",
            "# nothing\n\n# to see\n",
            "s.yaml:1: nothing is written there; at least 'nodes:' is needed"),
        arguments(
            "a single value",
            "vfio-reset\n",
            "s.yaml:1: not a map of options; write 'key: value' lines, such as 'nodes:'"),
        arguments(
            "a list",
            "- nodes\n",
            "s.yaml:1: not a map of options; write 'key: value' lines, such as 'nodes:'"),
        arguments(
            "an empty document",
            "---\n...\n",
            "s.yaml:1: not a map of options; write 'key: value' lines, such as 'nodes:'"),
        arguments(
            "a second document",
            Given.plus("---\nname: other\n"),
            "s.yaml:12: a second document begins; a scenario is one document: remove what follows"),
        arguments(
            "a bracket that is not closed",
            Given.plus("bound: {ask: 1s\n"),
            "s.yaml:12: not valid YAML: expected ',' or '}', but got <stream end>; check the"
                + " indentation, brackets, colons and quotes up to there"),
        arguments(
            "wrong indentation",
            "name: a\n  contract: v2\n",
            "s.yaml:2: not valid YAML: mapping values are not allowed here; check the indentation,"
                + " brackets, colons and quotes up to there"),
        arguments(
            "a quote that is not closed",
            Given.plus("name: \"abc\n"),
            "s.yaml:12: not valid YAML: found unexpected end of stream; check the indentation,"
                + " brackets, colons and quotes up to there"),
        arguments(
            "a tab in the indentation",
            Given.plus("bound:\n\task: 1s\n"),
            "s.yaml:12: a tab in the indentation; indent with spaces"),
        arguments(
            "a NUL",
            Given.plus("name: a\0b\n"),
            "s.yaml:11: character U+0000 is not text; remove it"),
        arguments(
            "a line separator, which YAML would count as a line and an editor would not",
            Given.plus("# a\u2028name: b\n"),
            "s.yaml:11: character U+2028 is not text; remove it"),
        arguments(
            "a duplicate key",
            Given.plus("name: a\nname: b\n"),
            "s.yaml:12: duplicate key 'name', first in line 11; keep one of them"),
        arguments(
            "an anchor",
            Given.plus("bound: &a {ask: 1s}\n"),
            "s.yaml:11: anchors ('&') are not supported; remove it, or quote the value"),
        arguments(
            "an anchor at a key",
            Given.plus("&a name: b\n"),
            "s.yaml:11: anchors ('&') are not supported; remove it, or quote the value"),
        arguments(
            "an alias",
            Given.plus("name: *a\n"),
            "s.yaml:11: aliases ('*') are not supported; write the value out again, or quote it"),
        arguments(
            "an alias as a key",
            Given.plus("*a : b\n"),
            "s.yaml:11: a key that is not a single value; a key is plain text: no"
                + " list, no map, no alias"),
        arguments(
            "a merge key",
            Given.plus("<<: {name: a}\n"),
            "s.yaml:11: merge keys ('<<') are not supported; write the keys out"),
        arguments(
            "a tag",
            Given.plus("name: !!str a\n"),
            "s.yaml:11: tags ('!') are not supported; remove it, or quote the value"),
        arguments(
            "a tagged map",
            Given.plus("bound: !java.net.URL {ask: 1s}\n"),
            "s.yaml:11: tags ('!') are not supported; remove it, or quote the value"),
        arguments(
            "a map as a key",
            Given.plus("? {a: b}\n: c\n"),
            "s.yaml:11: a key that is not a single value; a key is plain text: no"
                + " list, no map, no alias"),
        arguments(
            "deep nesting",
            Given.plus("name: " + "[".repeat(100_000) + "\n"),
            "s.yaml:11: maps and lists are nested too deep; no part of a scenario is deeper than"
                + " 8"),
        arguments(
            "a million laughs",
            "a: &a [x, x]\nb: &b [*a, *a]\n",
            "s.yaml:1: anchors ('&') are not supported; remove it, or quote the value"));
  }
}
