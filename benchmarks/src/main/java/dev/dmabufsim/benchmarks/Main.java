package dev.dmabufsim.benchmarks;

import dev.dmabufsim.benchmarks.drain.DrainCommand;
import dev.dmabufsim.benchmarks.explore.ExploreBenchCommand;
import dev.dmabufsim.benchmarks.guard.GuardCommand;
import dev.dmabufsim.benchmarks.stress.StressCommand;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code ./dmabuf-sim bench NAME}. */
@Command(
    name = "dmabuf-sim bench",
    description = "Measures the data plane and stress-tests its memory order.",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {
      GuardCommand.class,
      DrainCommand.class,
      StressCommand.class,
      ExploreBenchCommand.class,
      AllCommand.class
    })
public final class Main implements Runnable {
  /** Everything ran and every target was met. */
  public static final int EXIT_OK = 0;

  /** A target was missed, or a forbidden outcome seen. */
  public static final int EXIT_MISSED = 1;

  /** The command line was wrong. */
  public static final int EXIT_USAGE = 2;

  @Spec private CommandSpec spec;

  /** Runs one command and ends the JVM with its exit status. */
  public static void main(String[] args) {
    System.exit(commandLine().execute(args));
  }

  static CommandLine commandLine() {
    return new CommandLine(new Main())
        .setCaseInsensitiveEnumValuesAllowed(true)
        .setParameterExceptionHandler(Main::refuse);
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "no benchmark named");
  }

  private static int refuse(ParameterException e, String[] args) {
    CommandLine command = e.getCommandLine();
    String names = String.join(", ", root(command).getSubcommands().keySet());
    String what = String.valueOf(e.getMessage()).lines().findFirst().orElse("bad arguments");
    command.getErr().println("dmabuf-sim bench: " + what + " (benchmarks: " + names + ")");
    return EXIT_USAGE;
  }

  private static CommandLine root(CommandLine command) {
    CommandLine parent = command.getParent();
    return parent == null ? command : root(parent);
  }
}
