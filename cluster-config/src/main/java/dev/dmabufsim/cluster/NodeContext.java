package dev.dmabufsim.cluster;

import dev.dmabufsim.common.control.NodeReport;
import dev.dmabufsim.common.fabric.Fabric;
import dev.dmabufsim.common.history.History;
import dev.dmabufsim.common.message.Peer;
import java.util.function.Consumer;

/**
 * What every node has.
 *
 * @param self how it signs its messages; with the time at which it was asked for
 * @param fabric its host's shared memory
 * @param history where it writes down what happens
 * @param reports to whoever drives the experiment; may be called from any thread
 * @param done called by the hub when the node has given everything back and may end
 */
public record NodeContext(
    Peer self, Fabric fabric, History history, Consumer<NodeReport> reports, Runnable done) {
  @Override
  public Peer self() {
    return self.at(history.stamp());
  }
}
