package dev.dmabufsim.simulator.cli;

import dev.dmabufsim.simulator.scenario.BundledScenarios;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;

@Command(
    name = "scenarios",
    description = "Lists the bundled scenarios.",
    mixinStandardHelpOptions = true)
final class ScenariosCommand implements Callable<Integer> {
  @Override
  public Integer call() {
    for (BundledScenarios.Bundled b : BundledScenarios.list()) {
      System.out.printf("%-16s %s%n", b.name(), b.description());
    }
    return 0;
  }
}
