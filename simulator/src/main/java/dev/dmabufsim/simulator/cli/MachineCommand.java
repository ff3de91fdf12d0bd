package dev.dmabufsim.simulator.cli;

import dev.dmabufsim.simulator.machine.HostBridgePolicy;
import dev.dmabufsim.simulator.machine.MachineReport;
import dev.dmabufsim.simulator.machine.ReportOptions;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "machine",
    description = "Prints what is understood of a machine from what 'lspci -vv' printed.",
    mixinStandardHelpOptions = true)
final class MachineCommand implements Callable<Integer> {
  @Parameters(paramLabel = "FILE", description = "The output of lspci; - is standard input.")
  private String file = "-";

  @Option(
      names = "--allow-host-bridge",
      description = "Peer-to-peer may cross the host bridge, whatever the kernel says of it.")
  private boolean allowHostBridge;

  @Override
  public Integer call() {
    ReportOptions usual = ReportOptions.defaults();
    ReportOptions options =
        new ReportOptions(
            usual.budgetBytes(), usual.minBytes(), HostBridgePolicy.allowedIf(allowHostBridge));
    System.out.println(MachineReport.render(Machines.read(file), options).stripTrailing());
    return 0;
  }
}
