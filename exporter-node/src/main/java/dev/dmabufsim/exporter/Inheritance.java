package dev.dmabufsim.exporter;

import dev.dmabufsim.cluster.NodeContext;
import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.common.fabric.BufferJournal;
import dev.dmabufsim.common.fabric.BufferJournal.Phase;
import dev.dmabufsim.common.fabric.Fabric;
import dev.dmabufsim.common.fabric.ProcessEntry;
import dev.dmabufsim.common.history.HistoryEvent;
import java.io.IOException;
import java.util.HashSet;
import java.util.Set;

/**
 * What an exporter that was started again does before anything else: it finishes what the process
 * of its name before it has left, if the IOMMU has not. It cannot ask and cannot block; it severs.
 */
final class Inheritance {
  private Inheritance() {}

  /**
   * Takes the memory of this node's dead predecessors back.
   *
   * @throws IOException if it cannot be severed, and then nothing is proven
   */
  static void finish(NodeContext node) throws IOException {
    Fabric fabric = node.fabric();
    Set<Integer> dead = predecessors(node);
    if (dead.isEmpty()) {
      return;
    }
    long since = System.nanoTime();
    BufferJournal journal = fabric.control().journal();
    for (BufferJournal.Entry entry : journal.entries()) {
      if (dead.contains(entry.process()) && entry.unfinished()) {
        finish(node, journal, entry, since);
      }
    }
    // What was its next owners' is nobody's now.
    for (int segment : fabric.segments()) {
      if (dead.contains(SegmentPool.process(segment))) {
        fabric.severOrphan(segment);
      }
    }
  }

  private static Set<Integer> predecessors(NodeContext node) {
    Set<Integer> dead = new HashSet<>();
    for (ProcessEntry process : node.fabric().control().processes()) {
      if (process.index() < node.self().process()
          && process.role() == ProcessEntry.ROLE_NODE
          && process.name().equals(node.self().node())
          && process.identity().dead()) {
        dead.add(process.index());
      }
    }
    return dead;
  }

  private static void finish(
      NodeContext node, BufferJournal journal, BufferJournal.Entry entry, long since)
      throws IOException {
    BufferJournal.Entry mine = entry.reclaiming();
    if (entry.phase() != Phase.RECLAIMING) {
      if (!journal.claim(entry, mine.epoch(), mine.phase())) {
        // The IOMMU was quicker, and is at it.
        return;
      }
      node.history()
          .record(
              new HistoryEvent.Orphaned(
                  mine.buffer(),
                  mine.epoch(),
                  mine.segment(),
                  mine.generation(),
                  mine.process(),
                  entry.phase() == Phase.REVOKING));
    }
    node.fabric().severOrphan(mine.segment());
    // If the IOMMU is at it as well, one of the two says so.
    if (journal.claim(mine, mine.epoch(), Phase.RECLAIMED)) {
      node.history()
          .record(
              new HistoryEvent.Reclaimed(
                  mine.buffer(),
                  mine.epoch(),
                  mine.segment(),
                  mine.generation(),
                  RevokeOutcome.SEVERED,
                  (System.nanoTime() - since) / 1000));
    }
  }
}
