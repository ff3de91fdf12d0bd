package dev.dmabufsim.simulator.report;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonPointer;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.dmabufsim.cluster.Role;
import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.contract.LateAccess;
import dev.dmabufsim.simulator.judge.Findings;
import dev.dmabufsim.simulator.judge.Invariant;
import dev.dmabufsim.simulator.judge.Verdict;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** {@code report.json} and {@code report.schema.json} say the same. */
class ReportSchemaTest {
  private static final JsonMapper MAPPER = new JsonMapper();

  static Stream<Report> reports() {
    return Stream.of(Given.PASSED, Given.FAILED, Given.UNKNOWN);
  }

  @ParameterizedTest
  @MethodSource("reports")
  void aReportAsItIsWrittenFitsTheSchema(Report report) {
    assertThat(ReportSchema.problems(Reports.json(report))).isEmpty();
  }

  /** Every field of a report, within its objects and the first items of its lists. */
  static Stream<String> fields() throws JsonProcessingException {
    List<String> fields = new ArrayList<>();
    collect(MAPPER.readTree(Reports.json(Given.FAILED)), "", fields);
    return fields.stream();
  }

  private static void collect(JsonNode node, String at, List<String> fields) {
    if (node.isArray()) {
      collect(node.path(0), at + "/0", fields);
    }
    node.properties()
        .forEach(p -> {
          fields.add(at + "/" + p.getKey());
          collect(p.getValue(), at + "/" + p.getKey(), fields);
        });
  }

  @Test
  void fieldsAtEveryDepthAreTriedBelow() throws JsonProcessingException {
    assertThat(fields())
        .contains(
            "/scenario",
            "/nodes/0/pid",
            "/nodes/0/exit",
            "/violations/0/detail",
            "/thresholds/0/actual",
            "/revokes/outcomes/assumed",
            "/revokes/moves/refused",
            "/calls/ignored",
            "/cpu/faults",
            "/dma/late/iommu-fault/count",
            "/dma/late/uaf/first/afterMicros",
            "/revokes/latencyMicros/p99",
            "/revokes/boundMicros",
            "/attachments/refused",
            "/attachments/kept",
            "/dma/failedAfterRevoke",
            "/canary/foreignBytes",
            "/revokes/outcomes/reclaimed",
            "/faults/struck/0/kind",
            "/faults/midRevoke");
  }

  @ParameterizedTest
  @MethodSource("fields")
  void aReportWithoutAnyOneOfItsFieldsDoesNotFit(String field) throws JsonProcessingException {
    JsonNode report = MAPPER.readTree(Reports.json(Given.FAILED));
    parent(report, field).remove(name(field));
    assertThat(ReportSchema.problems(report.toString()))
        .anyMatch(p -> p.contains("'" + name(field) + "'"));
  }

  @ParameterizedTest
  @MethodSource("fields")
  void aReportInWhichAFieldHasAnotherNameDoesNotFit(String field) throws JsonProcessingException {
    JsonNode report = MAPPER.readTree(Reports.json(Given.FAILED));
    ObjectNode parent = parent(report, field);
    JsonNode value = parent.remove(name(field));
    parent.set(name(field) + "Renamed", value);
    assertThat(ReportSchema.problems(report.toString()))
        .anyMatch(p -> p.contains("'" + name(field) + "Renamed'"));
  }

  @ParameterizedTest
  @MethodSource("fields")
  void aReportInWhichAFieldHasAnotherTypeDoesNotFit(String field) throws JsonProcessingException {
    JsonNode report = MAPPER.readTree(Reports.json(Given.FAILED));
    ObjectNode parent = parent(report, field);
    parent.putObject(name(field)).put("other", 1);
    assertThat(ReportSchema.problems(report.toString())).isNotEmpty();
  }

  private static ObjectNode parent(JsonNode report, String field) {
    return (ObjectNode) report.at(JsonPointer.compile(field).head());
  }

  private static String name(String field) {
    return field.substring(field.lastIndexOf('/') + 1);
  }

  @ParameterizedTest
  @CsvSource({
    "/verdict,          '\"passed\"'",
    "/contract,         '\"v6\"'",
    "/nodes/0/role,     '\"switch\"'",
    "/nodes/0/exit,     256",
    "/nodes/0/pid,      -1",
    "/violations/0/number, 13",
    "/startedAt,        '\"2026-11-21 00:56:56\"'",
    "/seconds,          -0.5",
    "/revokes/requested, -1",
    "/revokes/boundMicros, 1.5",
    "/canary/foreignBytes, '\"0\"'",
    "/dma/late/aer/count, -1",
    "/dma/late/uaf/first/evidence, '\"hearsay\"'",
    "/dma/late/uaf/first/offset, -4096",
  })
  void aValueThatNoReportCanHaveDoesNotFit(String field, String value)
      throws JsonProcessingException {
    JsonNode report = MAPPER.readTree(Reports.json(Given.FAILED));
    parent(report, field).set(name(field), MAPPER.readTree(value));
    assertThat(ReportSchema.problems(report.toString())).anyMatch(p -> p.startsWith(field));
  }

  @Test
  void aVerdictThatTheRestOfTheReportContradictsDoesNotFit() {
    String failed = Reports.json(Given.FAILED);
    String unknown = Reports.json(Given.UNKNOWN);
    assertThat(ReportSchema.problems(failed.replace("\"fail\"", "\"pass\"")))
        .as("violations and a threshold that did not hold")
        .isNotEmpty();
    assertThat(ReportSchema.problems(failed.replace("\"fail\"", "\"unknown\"")))
        .as("violations, and no reason why it is unknown")
        .isNotEmpty();
    assertThat(ReportSchema.problems(unknown.replace("\"unknown\"", "\"pass\"")))
        .as("a reason why it is unknown")
        .isNotEmpty();
  }

  @Test
  void everyFieldIsDescribed() throws JsonProcessingException {
    JsonNode schema = MAPPER.readTree(ReportSchema.text());
    List<String> silent = new ArrayList<>();
    undescribed(schema, schema, "", silent);
    assertThat(silent).isEmpty();
  }

  private static void undescribed(JsonNode schema, JsonNode of, String at, List<String> silent) {
    of.path("properties")
        .properties()
        .forEach(p -> {
          JsonNode field = p.getValue();
          JsonNode target = target(schema, field);
          if (field.path("description").asText(target.path("description").asText()).isBlank()) {
            silent.add(at + "/" + p.getKey());
          }
          undescribed(schema, target, at + "/" + p.getKey(), silent);
          undescribed(schema, target(schema, target.path("items")), at + "/" + p.getKey(), silent);
        });
  }

  private static JsonNode target(JsonNode schema, JsonNode field) {
    return field.has("$ref") ? schema.at(field.path("$ref").asText().substring(1)) : field;
  }

  @Test
  void theWordsOfTheSchemaAreThoseOfTheProgram() throws JsonProcessingException {
    JsonNode schema = MAPPER.readTree(ReportSchema.text());
    assertThat(words(schema, "/properties/contract"))
        .containsExactlyElementsOf(Arrays.stream(Contract.values()).map(Contract::label).toList());
    assertThat(words(schema, "/properties/verdict"))
        .containsExactlyElementsOf(Arrays.stream(Verdict.values()).map(Verdict::label).toList());
    assertThat(words(schema, "/$defs/node/properties/role"))
        .containsExactlyElementsOf(Arrays.stream(Role.values()).map(Role::label).toList());
    assertThat(schema.at("/$defs/violation/properties/number/maximum").asInt())
        .isEqualTo(Arrays.stream(Invariant.values()).mapToInt(Invariant::number).max().orElse(0));
  }

  @Test
  void theClassesOfLateAccessAreThoseOfTheProgramAndSoAreTheKindsOfEvidence()
      throws JsonProcessingException {
    JsonNode schema = MAPPER.readTree(ReportSchema.text());
    List<String> classes = new ArrayList<>();
    schema
        .at("/$defs/dma/properties/late/properties")
        .properties()
        .forEach(p -> classes.add(p.getKey()));
    assertThat(classes)
        .containsExactlyElementsOf(
            Arrays.stream(LateAccess.values()).map(LateAccess::label).toList());
    assertThat(words(schema, "/$defs/lateExample/properties/evidence"))
        .containsExactlyElementsOf(
            Arrays.stream(Findings.Evidence.values()).map(Findings.Evidence::label).toList());
  }

  @Test
  void aLateAccessOfWhichNothingIsKnownFits() throws JsonProcessingException {
    JsonNode report = MAPPER.readTree(Reports.json(Given.FAILED));
    parent(report, "/dma/late/uaf/first").putNull("first");
    parent(report, "/dma/late/aer/first/offset").putNull("offset").putNull("afterMicros");
    assertThat(ReportSchema.problems(report.toString())).isEmpty();
  }

  private static List<String> words(JsonNode schema, String at) {
    List<String> words = new ArrayList<>();
    schema.at(at + "/enum").forEach(w -> words.add(w.asText()));
    return words;
  }
}
