package dev.dmabufsim.simulator.scenario;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A real machine, as lspci printed it, to make the nodes from.
 *
 * @param file the absolute path of the lspci output, or - for standard input
 * @param allowHostBridge whether peer-to-peer through a host bridge that the kernel does not know
 *     to forward it is let through ({@code host_bridge_whitelist()} in {@code
 *     drivers/pci/p2pdma.c})
 * @param importerKinds PCI address to the label of the {@code ImporterKind} to take instead of the
 *     one guessed from its class
 * @param buffersPerExporter how many buffers each exporter device exports
 * @param attachmentsPerImporter how many attachments each importer device asks for
 * @param memoryBytes what all exported BARs together may come to: they are scaled down by one
 *     factor until they do
 */
public record MachineUse(
    String file,
    boolean allowHostBridge,
    Map<String, String> importerKinds,
    int buffersPerExporter,
    int attachmentsPerImporter,
    long memoryBytes) {

  /** Takes a copy of the map, in its order. */
  public MachineUse {
    importerKinds = Collections.unmodifiableMap(new LinkedHashMap<>(importerKinds));
  }
}
