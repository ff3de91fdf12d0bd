package dev.dmabufsim.simulator.scenario;

import dev.dmabufsim.simulator.scenario.YamlTree.Mapping;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** The scenarios that come with the program, to run by name. */
public final class BundledScenarios {
  private static final String DIRECTORY = "/scenarios/";

  private BundledScenarios() {}

  /**
   * A bundled scenario.
   *
   * @param name to run it by
   * @param description what its file says under {@code description}
   */
  public record Bundled(String name, String description) {}

  /** Every bundled scenario, in the order in which they are best met. */
  public static List<Bundled> list() {
    List<Bundled> bundled = new ArrayList<>();
    for (String name : names()) {
      bundled.add(new Bundled(name, description(name)));
    }
    return List.copyOf(bundled);
  }

  /** The names alone. */
  public static List<String> names() {
    return resource("index").lines().map(String::strip).filter(l -> !l.isEmpty()).toList();
  }

  /** The YAML text of the bundled scenario of that name, with its comments. */
  public static String text(String name) {
    return resource(name + ".yaml");
  }

  private static String description(String name) {
    try {
      if (YamlReader.read(text(name), Origin.file(name)::atLine) instanceof Mapping map) {
        return new Section(map, map.at(), "").textOrEmpty("description");
      }
    } catch (ScenarioException e) {
      throw new IllegalStateException("bundled scenario", e);
    }
    throw new IllegalStateException("bundled scenario " + name + " is no map");
  }

  private static String resource(String name) {
    try (InputStream in = BundledScenarios.class.getResourceAsStream(DIRECTORY + name)) {
      if (in == null) {
        throw new IllegalStateException("this build has no " + DIRECTORY + name);
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
