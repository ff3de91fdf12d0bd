package dev.dmabufsim.simulator.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ParameterException;

/** {@code ./dmabuf-sim}. */
@Command(
    name = "dmabuf-sim",
    description = "Simulates the revocation of shared dma-bufs on a cluster of real processes.",
    mixinStandardHelpOptions = true,
    version = "dmabuf-sim 0.1.0",
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {
      RunCommand.class,
      CheckCommand.class,
      MatrixCommand.class,
      ChaosCommand.class,
      ExploreCommand.class,
      ScenariosCommand.class,
      ImportersCommand.class,
      MachineCommand.class,
      NodeCommandLine.class,
      RehearseCommand.class
    },
    footer = {
      "",
      "./dmabuf-sim bench NAME runs a benchmark.",
      "Exit status: 0 pass, 1 fail, 2 bad input, 3 unknown."
    })
public final class Main implements Callable<Integer> {
  /** {@code EX_SOFTWARE} of sysexits.h. */
  private static final int DEFECT = 70;

  private Main() {}

  /** Runs a command and exits with its status. */
  public static void main(String[] args) {
    System.exit(execute(args));
  }

  /** Runs a command; one line on standard error and status 2 for bad input. */
  static int execute(String... args) {
    CommandLine line = new CommandLine(new Main());
    line.setCaseInsensitiveEnumValuesAllowed(true);
    line.setParameterExceptionHandler((e, a) -> bad(e.getCommandLine(), reason(e)));
    line.setExecutionExceptionHandler((e, command, parsed) -> {
      if (e instanceof BadInput) {
        return bad(command, String.valueOf(e.getMessage()));
      }
      throw e;
    });
    // Neither a verdict nor bad input, but a defect of this program.
    line.setExitCodeExceptionMapper(e -> DEFECT);
    return line.execute(args);
  }

  private static String reason(ParameterException e) {
    String help = e.getCommandLine().getCommandSpec().qualifiedName() + " --help";
    return e.getMessage() + "; see ./" + help;
  }

  private static int bad(CommandLine command, String reason) {
    command.getErr().println("dmabuf-sim: " + reason.replaceAll("\\R+", " "));
    command.getErr().flush();
    return BadInput.EXIT;
  }

  @Override
  public Integer call() {
    throw new BadInput("a command is missing; see ./dmabuf-sim --help");
  }
}
