package dev.dmabufsim.simulator.cli;

import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.driver.ImporterDriver;
import dev.dmabufsim.common.driver.ImporterDrivers;
import dev.dmabufsim.common.fabric.Fabric;
import dev.dmabufsim.common.fabric.FabricSweeper;
import dev.dmabufsim.simulator.judge.Verdict;
import dev.dmabufsim.simulator.matrix.Matrix;
import dev.dmabufsim.simulator.matrix.MatrixOptions;
import dev.dmabufsim.simulator.matrix.MatrixReport;
import dev.dmabufsim.simulator.matrix.MatrixScenario;
import dev.dmabufsim.simulator.matrix.MatrixTable;
import dev.dmabufsim.simulator.matrix.Treatment;
import dev.dmabufsim.simulator.run.RunDirectory;
import dev.dmabufsim.simulator.scenario.Scenario;
import dev.dmabufsim.simulator.scenario.ScenarioException;
import dev.dmabufsim.simulator.scenario.ScenarioLoader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
    name = "matrix",
    description = {
      "Plays every sequence against every importer in every behaviour, and says of each whether the"
          + " memory was safe.",
      "Without options all of it, some minutes."
    },
    mixinStandardHelpOptions = true)
final class MatrixCommand implements Callable<Integer> {
  @Option(
      names = "--out",
      paramLabel = "DIR",
      description = "Where to keep everything (default: runs/TIME-matrix).")
  private @Nullable Path out;

  @Option(
      names = "--contracts",
      split = ",",
      paramLabel = "NAME",
      description = "Sequences, of v2, v3, v4, v5, v7, enforced (default: all).")
  private @Nullable List<String> contracts;

  @Option(
      names = "--importers",
      split = ",",
      paramLabel = "KIND",
      description = "Kinds of importer, your own too (default: all).")
  private @Nullable List<String> importers;

  @Option(
      names = "--behaviours",
      split = ",",
      paramLabel = "NAME",
      description = "What importers do; killed is one of them (default: all).")
  private @Nullable List<String> behaviours;

  @Option(
      names = "--scenario",
      paramLabel = "FILE",
      description = "Adds the kinds of importer that a scenario describes below 'importers'.")
  private @Nullable String scenario;

  @Option(
      names = "--seed",
      paramLabel = "N",
      description = "From which sizes, offsets and times come (default: a fresh one, printed).")
  private @Nullable Long seed;

  @Option(names = "--quiet", description = "Prints the table and the verdict only.")
  private boolean quiet;

  @Override
  public Integer call() throws IOException {
    Map<String, ImporterDriver> known = known();
    List<String> chosen =
        chosen("--importers", "kind of importer", importers, List.copyOf(known.keySet()));
    Map<String, ImporterDriver> drivers = new LinkedHashMap<>();
    for (String kind : chosen) {
      ImporterDriver driver = known.get(kind);
      if (driver != null) {
        drivers.put(kind, driver);
      }
    }
    List<Contract> sequences =
        each("--contracts", "contract", contracts, List.of(Contract.values()), Contract::label);
    List<Treatment> treatments =
        each("--behaviours", "behaviour", behaviours, Treatment.all(), Treatment::label);
    FabricSweeper.sweep(Fabric.SHM);
    checkMemory(MatrixScenario.of(sequences.getFirst(), drivers, treatments).scenario());
    long theSeed = seed != null ? seed : ThreadLocalRandom.current().nextLong(1L << 31);
    RunDirectory directory = OutDirectory.of(out, "matrix");
    if (!quiet) {
      System.out.printf(
          "dmabuf-sim matrix: %d sequences x %d importers x %d behaviours = %d cells%n"
              + "seed %d%ninto %s%n",
          sequences.size(),
          drivers.size(),
          treatments.size(),
          sequences.size() * drivers.size() * treatments.size(),
          theSeed,
          directory.path());
    }
    MatrixReport report;
    try {
      report =
          Matrix.run(
              new MatrixOptions(
                  sequences, drivers, treatments, theSeed, directory.path(), command(theSeed)),
              quiet ? line -> {} : System.out::println);
    } catch (IOException e) {
      throw new BadInput("cannot run: " + e.getMessage());
    }
    MatrixTable.text(report).forEach(System.out::println);
    System.out.printf(
        Locale.ROOT,
        "%n%s matrix  (seed %d, %d cells, %d of them with a claim, %.0f s)%n",
        report.verdict().toUpperCase(Locale.ROOT),
        report.seed(),
        report.cells().size(),
        report.claimsChecked(),
        report.seconds());
    report.reasons().forEach(r -> System.out.println("  because " + r));
    System.out.println("  " + directory.path().resolve(Matrix.MARKDOWN));
    System.out.flush();
    return Verdict.valueOf(report.verdict().toUpperCase(Locale.ROOT)).exitStatus();
  }

  private static void checkMemory(Scenario scenario) throws IOException {
    long free = Files.getFileStore(Fabric.SHM).getUsableSpace();
    if (scenario.memoryBytes() > free) {
      throw new BadInput(
          "a matrix of that size takes %d MiB of shared memory, %d MiB are free; name fewer importers"
              .formatted(scenario.memoryBytes() >> 20, free >> 20));
    }
  }

  private String command(long theSeed) {
    StringBuilder command = new StringBuilder("./dmabuf-sim matrix");
    if (contracts != null) {
      command.append(" --contracts ").append(String.join(",", contracts));
    }
    if (importers != null) {
      command.append(" --importers ").append(String.join(",", importers));
    }
    if (behaviours != null) {
      command.append(" --behaviours ").append(String.join(",", behaviours));
    }
    if (scenario != null) {
      command.append(" --scenario ").append(scenario);
    }
    return command.append(" --seed ").append(theSeed).toString();
  }

  private Map<String, ImporterDriver> known() throws IOException {
    Map<String, ImporterDriver> known = new TreeMap<>();
    try {
      known.putAll(ImporterDrivers.load().all());
      if (scenario != null) {
        long free = Files.getFileStore(Fabric.SHM).getUsableSpace();
        known.putAll(
            ScenarioLoader.load(scenario, Path.of("").toAbsolutePath(), List.of(), free)
                .importers());
      }
    } catch (IllegalArgumentException | ScenarioException e) {
      throw new BadInput(String.valueOf(e.getMessage()));
    }
    return known;
  }

  private static <E> List<E> each(
      String option,
      String what,
      @Nullable List<String> names,
      List<E> all,
      Function<E, String> label) {
    List<String> wanted = chosen(option, what, names, all.stream().map(label).toList());
    return all.stream().filter(e -> wanted.contains(label.apply(e))).toList();
  }

  private static List<String> chosen(
      String option, String what, @Nullable List<String> names, List<String> all) {
    if (names == null) {
      return all;
    }
    if (names.isEmpty()) {
      throw new BadInput(option + " names nothing; there are: " + String.join(", ", all));
    }
    for (String name : names) {
      if (!all.contains(name)) {
        throw new BadInput(
            "%s names '%s', which is no %s; there are: %s"
                .formatted(option, name, what, String.join(", ", all)));
      }
    }
    Optional<String> twice =
        names.stream().filter(n -> names.indexOf(n) != names.lastIndexOf(n)).findFirst();
    if (twice.isPresent()) {
      throw new BadInput(option + " names '" + twice.get() + "' twice");
    }
    return names;
  }
}
