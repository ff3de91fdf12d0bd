package dev.dmabufsim.simulator.scenario;

import dev.dmabufsim.simulator.machine.Machine;
import dev.dmabufsim.simulator.scenario.YamlTree.Entry;
import dev.dmabufsim.simulator.scenario.YamlTree.Mapping;
import dev.dmabufsim.simulator.scenario.YamlTree.Sequence;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A scenario that is made from one that the user wrote and a machine of his. It meets every check
 * that a written one does, by being written and loaded. What is wrong with it is said of the place
 * where the user wrote what it came from, and never of a line which he has not seen.
 */
public final class MadeScenario {
  /** What the machine makes, and takes the place of. */
  private static final Set<String> MADE = Set.of("nodes", "refusals");

  private final Mapping original;
  private final Origin machineAt;
  private final Path workingDirectory;

  private MadeScenario(Mapping original, Origin machineAt, Path workingDirectory) {
    this.original = original;
    this.machineAt = machineAt;
    this.workingDirectory = workingDirectory;
  }

  /**
   * Makes it.
   *
   * @param base the user's scenario, as loaded
   * @param nameOrPath where that came from
   * @param option the {@code --machine} option, if the scenario does not name the machine itself
   * @param freeBytes how much shared memory a run may take
   * @throws ScenarioException if there is anything wrong with it
   */
  public static MachineScenario make(
      Scenario base,
      MachineUse use,
      Machine machine,
      String nameOrPath,
      Path workingDirectory,
      List<String> sets,
      @Nullable String option,
      long freeBytes)
      throws ScenarioException {
    Mapping tree = ScenarioLoader.tree(ScenarioSource.find(nameOrPath, workingDirectory), sets);
    Entry key = tree.entries().get("machine");
    Origin at = option != null || key == null ? Origin.file("--machine " + option) : key.at();
    return new MadeScenario(tree, at, workingDirectory).make(base, use, machine, freeBytes);
  }

  private MachineScenario make(Scenario base, MachineUse use, Machine machine, long freeBytes)
      throws ScenarioException {
    MachineScenario made;
    try {
      made = MachineScenario.make(base, use, machine);
    } catch (ScenarioException e) {
      throw new ScenarioException(kindAt(e), e.problem());
    }
    String text = ScenarioWriter.toYaml(made.scenario());
    String label = machine.source();
    try {
      Scenario checked = ScenarioLoader.parse(text, label, workingDirectory, List.of(), freeBytes);
      return new MachineScenario(checked, made.notes());
    } catch (ScenarioException e) {
      throw new ScenarioException(writtenAt(text, label, e), e.problem() + " (with " + label + ")");
    }
  }

  /** The kind that is given to a device that is not there, or else the machine. */
  private Origin kindAt(ScenarioException e) {
    if (below(original, "machine") instanceof Mapping machine
        && below(machine, "kinds") instanceof Mapping kinds) {
      for (Map.Entry<String, Entry> kind : kinds.entries().entrySet()) {
        if (e.problem().contains(Quote.of(kind.getKey()))) {
          return kind.getValue().at();
        }
      }
    }
    return machineAt;
  }

  /** Where the user wrote what stands in that line of the scenario that was made. */
  private Origin writtenAt(String text, String label, ScenarioException e)
      throws ScenarioException {
    Origin file = Origin.file(label);
    if (!(YamlReader.read(text, file::atLine) instanceof Mapping made)) {
      return machineAt;
    }
    String key = "";
    for (Map.Entry<String, Entry> entry : made.entries().entrySet()) {
      if (entry.getValue().at().line() <= e.line()) {
        key = entry.getKey();
      }
    }
    Entry written = original.entries().get(key);
    if (written == null || MADE.contains(key)) {
      return machineAt;
    }
    if (written.value() instanceof Sequence items
        && below(made, key) instanceof Sequence copies
        && items.items().size() == copies.items().size()) {
      for (int i = copies.items().size() - 1; i >= 0; i--) {
        if (copies.items().get(i).at().line() <= e.line()) {
          return items.items().get(i).at();
        }
      }
    }
    return written.at();
  }

  private static @Nullable YamlTree below(Mapping map, String key) {
    Entry entry = map.entries().get(key);
    return entry == null ? null : entry.value();
  }
}
