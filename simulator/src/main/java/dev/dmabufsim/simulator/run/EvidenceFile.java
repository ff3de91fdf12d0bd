package dev.dmabufsim.simulator.run;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.dmabufsim.common.fabric.DmaCounters;
import dev.dmabufsim.simulator.report.Report;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * {@code evidence.json}: all that a run is judged by and that is neither in its histories nor in
 * its scenario, so that it can be judged again.
 *
 * @param format which fields there are
 * @param seed from which sizes and offsets came
 * @param startedAt ISO 8601, the launcher's wall clock
 * @param seconds from the start of the run to its verdict
 * @param dmaNanos how long importers were to do DMA
 * @param boundMicros the bound of a revoke
 * @param dma what devices counted in shared memory
 * @param openSlots slots that still granted something when every node was gone
 * @param leftovers what was left, each in words
 * @param troubles why the run may prove nothing, each in words
 * @param unplayed which rounds were given up, each in words
 * @param orderly whether the run ended in order
 * @param honestImporters devices that keep the contract
 * @param importerNodes of each importer device the node that it is on
 * @param nodes every process of the run, as the report names them
 * @param histories every history, and how many whole lines it had
 */
record EvidenceFile(
    int format,
    long seed,
    String startedAt,
    double seconds,
    long dmaNanos,
    long boundMicros,
    DmaCounters dma,
    int openSlots,
    List<String> leftovers,
    List<String> troubles,
    List<String> unplayed,
    boolean orderly,
    List<String> honestImporters,
    Map<String, String> importerNodes,
    List<Report.Node> nodes,
    List<Recorded> histories) {
  /** The format that this program writes, and the only one that it reads. */
  static final int FORMAT = 1;

  private static final JsonMapper MAPPER =
      JsonMapper.builder()
          .enable(
              DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES,
              DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
          .enable(SerializationFeature.INDENT_OUTPUT)
          .build();

  /** Takes copies. */
  EvidenceFile {
    // Jackson does not ask.
    Objects.requireNonNull(dma, "dma");
    leftovers = List.copyOf(leftovers);
    troubles = List.copyOf(troubles);
    unplayed = List.copyOf(unplayed);
    honestImporters = List.copyOf(honestImporters);
    importerNodes = Map.copyOf(importerNodes);
    nodes = List.copyOf(nodes);
    histories = List.copyOf(histories);
  }

  /** A history's file name, and how many whole lines it had; -1 if it was not there. */
  record Recorded(String file, long lines) {}

  void write(Path file) throws IOException {
    Files.writeString(file, MAPPER.writeValueAsString(this) + "\n");
  }

  /**
   * Reads it.
   *
   * @throws IOException with what is wrong, in one line
   */
  static EvidenceFile read(Path file) throws IOException {
    String text;
    try {
      text = Files.readString(file);
    } catch (NoSuchFileException e) {
      throw new IOException(file + ": is not there, so this is no run that can be judged", e);
    } catch (IOException e) {
      throw new IOException(file + ": cannot be read", e);
    }
    try {
      JsonNode tree = MAPPER.readTree(text);
      int format = tree.path("format").asInt();
      if (format != FORMAT) {
        throw new IOException(
            tree.path("format").isInt()
                ? "%s: is of format %d; this program reads format %d"
                    .formatted(file, format, FORMAT)
                : file + ": is damaged: it names no format");
      }
      EvidenceFile evidence = MAPPER.treeToValue(tree, EvidenceFile.class);
      for (Recorded history : evidence.histories()) {
        if (!history.file().matches("[^/]+\\.history\\.jsonl")) {
          throw new IOException(file + ": is damaged: " + history.file() + " is no history");
        }
      }
      return evidence;
    } catch (JacksonException e) {
      throw new IOException(file + ": is damaged: " + e.getOriginalMessage(), e);
    }
  }
}
