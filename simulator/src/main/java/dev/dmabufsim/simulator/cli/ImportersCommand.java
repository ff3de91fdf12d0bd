package dev.dmabufsim.simulator.cli;

import dev.dmabufsim.common.driver.ImporterDrivers;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;

@Command(
    name = "importers",
    description = {
      "Lists the kinds of importer that are classes: the built-in ones, and your own.",
      "Yours are found on DMABUF_SIM_CLASSPATH, jars or directories with ':' in between."
    },
    mixinStandardHelpOptions = true)
final class ImportersCommand implements Callable<Integer> {
  @Override
  public Integer call() {
    try {
      new TreeMap<>(ImporterDrivers.load().all())
          .forEach((kind, d) -> System.out.printf("%-22s %s%n", kind, d.description()));
    } catch (IllegalArgumentException e) {
      throw new BadInput(String.valueOf(e.getMessage()));
    }
    return 0;
  }
}
