package dev.dmabufsim.simulator.scenario;

import dev.dmabufsim.simulator.scenario.YamlTree.Mapping;
import java.nio.file.Path;
import java.util.List;

/** Reads scenarios. Whatever a user can get wrong in one is found here, before any node starts. */
public final class ScenarioLoader {
  private ScenarioLoader() {}

  /**
   * Loads a scenario.
   *
   * @param nameOrPath the name of a bundled scenario, or the path of a file
   * @param workingDirectory what the path, and paths in {@code sets}, are relative to
   * @param sets {@code PATH=VALUE} overrides, applied in this order
   * @param freeBytes how much shared memory a run may take
   * @throws ScenarioException if there is anything wrong with it
   */
  public static Scenario load(
      String nameOrPath, Path workingDirectory, List<String> sets, long freeBytes)
      throws ScenarioException {
    ScenarioSource source = ScenarioSource.find(nameOrPath, workingDirectory);
    return load(source, workingDirectory, sets, freeBytes);
  }

  /**
   * Loads a scenario from a text, as {@link #load} does from a file of that name.
   *
   * @param label what messages call the text, and what a scenario without a name is called
   */
  public static Scenario parse(
      String text, String label, Path workingDirectory, List<String> sets, long freeBytes)
      throws ScenarioException {
    ScenarioSource source = new ScenarioSource(text, label, label, workingDirectory);
    return load(source, workingDirectory, sets, freeBytes);
  }

  private static Scenario load(
      ScenarioSource source, Path workingDirectory, List<String> sets, long freeBytes)
      throws ScenarioException {
    Mapping tree = tree(source, sets);
    ScenarioPaths paths = new ScenarioPaths(source.directory(), workingDirectory);
    return ScenarioBinder.bind(tree, source.baseName(), paths, freeBytes);
  }

  /** What a source says, with the overrides. */
  static Mapping tree(ScenarioSource source, List<String> sets) throws ScenarioException {
    Origin file = Origin.file(source.label());
    PlainText.check(source.text(), file::atLine);
    if (!(YamlReader.read(source.text(), file::atLine) instanceof Mapping tree)) {
      throw new ScenarioException(
          file.atLine(1), "not a map of options", "write 'key: value' lines, such as 'nodes:'");
    }
    for (String set : sets) {
      tree = Overrides.apply(tree, set);
    }
    return tree;
  }
}
