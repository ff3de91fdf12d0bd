package dev.dmabufsim.simulator.explore;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.dmabufsim.simulator.judge.Invariant;
import dev.dmabufsim.simulator.judge.Violation;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A trace in a file: a world, and what happens in it. What is read is untrusted. */
public final class TraceFile {
  /** Another layout, or another meaning of an action, is another format. */
  private static final int FORMAT = 1;

  private static final long MOST_BYTES = 16 << 20;

  private static final JsonMapper MAPPER =
      JsonMapper.builder()
          .enable(SerializationFeature.INDENT_OUTPUT)
          .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  /**
   * What stands in it.
   *
   * @param format of the file
   * @param world in words
   * @param names of the importers, which a shrunk world has fewer of
   * @param seed from which the importers' reactions are drawn
   * @param invariant the number of the one that breaks
   * @param violation what breaks, for a reader
   * @param actions in order
   */
  record Content(
      int format,
      Worlds.@Nullable Words world,
      @Nullable List<String> names,
      long seed,
      int invariant,
      @Nullable String violation,
      @Nullable List<String> actions) {}

  /** A trace. */
  public record Trace(WorldPlan plan, List<Action> actions, Invariant invariant) {}

  private TraceFile() {}

  /** Writes one. */
  public static void write(Path file, WorldPlan plan, List<Action> actions, Violation violation)
      throws IOException {
    List<String> nodes = nodes(plan);
    Content content =
        new Content(
            FORMAT,
            Worlds.words(plan),
            plan.importers().stream().map(WorldPlan.Device::name).toList(),
            plan.seed(),
            violation.invariant().number(),
            violation.detail(),
            actions.stream().map(a -> a.text(nodes)).toList());
    Files.writeString(file, MAPPER.writeValueAsString(content) + "\n");
  }

  private static List<String> nodes(WorldPlan plan) {
    List<String> nodes = new ArrayList<>(List.of("x", "m"));
    plan.importers().forEach(d -> nodes.add(d.name()));
    return nodes;
  }

  /**
   * Reads one.
   *
   * @throws IllegalArgumentException with one line, if it is none, or none of this version
   */
  public static Trace read(Path file) {
    Content content = content(file);
    if (content.format != FORMAT) {
      throw new IllegalArgumentException(
          "%s is a trace of format %d; this version reads format %d: explore again"
              .formatted(file, content.format, FORMAT));
    }
    if (content.world == null
        || content.world.contract() == null
        || content.world.exporter() == null
        || content.names == null
        || content.actions == null) {
      throw new IllegalArgumentException(
          file + " is no trace: world, names or actions are missing");
    }
    WorldPlan words = Worlds.of(content.world).seed(content.seed);
    List<WorldPlan.Device> named = new ArrayList<>();
    for (int i = 0; i < words.importers().size(); i++) {
      WorldPlan.Device d = words.importers().get(i);
      String name = i < content.names.size() ? content.names.get(i) : null;
      if (name == null || !name.matches("i[1-9]")) {
        throw new IllegalArgumentException(
            file + " is no trace: its importers' names are not i1, i2, ...");
      }
      if (named.stream().anyMatch(n -> n.name().equals(name))) {
        throw new IllegalArgumentException(file + " is no trace: " + name + " is there twice");
      }
      named.add(new WorldPlan.Device(name, d.driver(), d.behaviour(), d.overrunNanos()));
    }
    WorldPlan plan = words.with(named, words.faults());
    List<String> nodes = nodes(plan);
    List<Action> actions = new ArrayList<>();
    for (String text : content.actions) {
      actions.add(
          Action.parse(String.valueOf(text), nodes)
              .orElseThrow(() ->
                  new IllegalArgumentException(
                      "%s does not fit this version: it knows no action '%s'"
                          .formatted(file, String.valueOf(text).replaceAll("\\p{C}", "?")))));
    }
    Invariant invariant =
        Arrays.stream(Invariant.values())
            .filter(i -> i.number() == content.invariant)
            .findFirst()
            .orElseThrow(() ->
                new IllegalArgumentException(
                    "%s is no trace: there is no invariant %d".formatted(file, content.invariant)));
    return new Trace(plan, List.copyOf(actions), invariant);
  }

  private static Content content(Path file) {
    try {
      if (!Files.isRegularFile(file)) {
        throw new IllegalArgumentException(file + ": there is no such file");
      }
      if (Files.size(file) > MOST_BYTES) {
        throw new IllegalArgumentException(file + " is too large for a trace");
      }
      Content content = MAPPER.readValue(Files.readAllBytes(file), Content.class);
      if (content == null) {
        throw new IllegalArgumentException(file + " is no trace: it is empty");
      }
      return content;
    } catch (JsonProcessingException e) {
      String why = String.valueOf(e.getOriginalMessage()).replaceAll("\\s+", " ");
      throw new IllegalArgumentException(
          file
              + " is no trace of this version: "
              + (why.length() > 120 ? why.substring(0, 120) : why));
    } catch (NullPointerException e) {
      throw new IllegalArgumentException(file + " is no trace: its world is incomplete");
    } catch (IOException e) {
      throw new IllegalArgumentException(file + " cannot be read: " + e.getMessage());
    }
  }
}
