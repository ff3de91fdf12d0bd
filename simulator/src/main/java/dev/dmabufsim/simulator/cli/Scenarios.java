package dev.dmabufsim.simulator.cli;

import dev.dmabufsim.common.fabric.Fabric;
import dev.dmabufsim.simulator.machine.Machine;
import dev.dmabufsim.simulator.scenario.Defaults;
import dev.dmabufsim.simulator.scenario.MachineScenario;
import dev.dmabufsim.simulator.scenario.MachineUse;
import dev.dmabufsim.simulator.scenario.MadeScenario;
import dev.dmabufsim.simulator.scenario.Remarks;
import dev.dmabufsim.simulator.scenario.Scenario;
import dev.dmabufsim.simulator.scenario.ScenarioException;
import dev.dmabufsim.simulator.scenario.ScenarioLoader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Resolves what the user names into a scenario that can be played: one with nodes. */
final class Scenarios {
  private Scenarios() {}

  /** A scenario with nodes, and what is to be said about how it came about. */
  record Resolved(Scenario scenario, List<String> notes) {}

  /**
   * Resolves what a node by hand, or a driven one, has its part in. Whether there is room for all
   * of it is not asked: others may have taken their memory already.
   *
   * @throws BadInput if anything is wrong with it
   */
  static Scenario resolve(String nameOrPath) throws IOException {
    return resolve(nameOrPath, List.of(), null, false, Long.MAX_VALUE).scenario();
  }

  /**
   * Resolves what a run plays.
   *
   * @param machine a file of lspci output whose devices take the place of the scenario's, or null
   * @throws BadInput if anything is wrong with any of it
   */
  static Resolved resolve(
      String nameOrPath, List<String> sets, @Nullable String machine, boolean allowHostBridge)
      throws IOException {
    long free = Files.getFileStore(Fabric.SHM).getUsableSpace();
    return resolve(nameOrPath, sets, machine, allowHostBridge, free);
  }

  private static Resolved resolve(
      String nameOrPath,
      List<String> sets,
      @Nullable String machine,
      boolean allowHostBridge,
      long free) {
    Path here = Path.of("").toAbsolutePath();
    try {
      // What a machine takes the place of takes no memory.
      Scenario base =
          ScenarioLoader.load(nameOrPath, here, sets, machine == null ? free : Long.MAX_VALUE);
      Optional<MachineUse> use =
          machine == null ? base.machine() : Optional.of(use(machine, allowHostBridge));
      if (use.isEmpty()) {
        return new Resolved(base, Remarks.about(base));
      }
      Machine parsed = Machines.read(use.get().file());
      MachineScenario made =
          MadeScenario.make(
              machine == null ? base : bare(base),
              use.get(),
              parsed,
              nameOrPath,
              here,
              sets,
              machine,
              free);
      return new Resolved(made.scenario(), made.notes());
    } catch (ScenarioException e) {
      throw new BadInput(String.valueOf(e.getMessage()));
    }
  }

  private static MachineUse use(String file, boolean allowHostBridge) {
    return new MachineUse(
        file,
        allowHostBridge,
        Map.of(),
        Defaults.MACHINE_BUFFERS,
        Defaults.MACHINE_ATTACHMENTS,
        Defaults.MACHINE_MEMORY_BYTES);
  }

  /** Without what was said of the devices and nodes which the machine's take the place of. */
  private static Scenario bare(Scenario s) {
    return new Scenario(
        s.name() + "-on-machine",
        "The devices of a machine, in the manner of " + s.name(),
        s.modelledOn(),
        s.contract(),
        s.bound(),
        s.revokes(),
        s.dma(),
        s.importers(),
        List.of(),
        s.faults(),
        List.of(),
        Optional.empty(),
        s.cluster(),
        List.of());
  }
}
