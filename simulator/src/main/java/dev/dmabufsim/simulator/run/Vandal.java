package dev.dmabufsim.simulator.run;

import dev.dmabufsim.common.fabric.BufferJournal;
import dev.dmabufsim.common.fabric.ControlFile;
import dev.dmabufsim.common.fabric.Fabric;
import dev.dmabufsim.common.fabric.ProcessEntry;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;

/** Does damage to a fabric, as somebody might who has no business there. */
final class Vandal {
  private final Fabric fabric;
  private final Random random;

  Vandal(Fabric fabric, long seed) {
    this.fabric = fabric;
    this.random = new Random(seed);
  }

  /** There is no more memory, or there is again. */
  void refuseMemory(boolean refused) {
    fabric.control().refuseMemory(refused);
  }

  /** The control file is of another version, or of this one again. */
  void otherVersion(boolean other) {
    fabric.control().otherVersion(other);
  }

  /**
   * Truncates the memory of a live buffer of a node.
   *
   * @return why not, if nothing was truncated
   */
  Optional<String> truncate(String node) {
    Set<Integer> processes =
        fabric.control().processes().stream()
            .filter(p -> p.name().equals(node))
            .map(ProcessEntry::index)
            .collect(Collectors.toSet());
    List<BufferJournal.Entry> live =
        fabric.control().journal().entries().stream()
            .filter(e -> e.phase() == BufferJournal.Phase.LIVE && processes.contains(e.process()))
            .toList();
    if (live.isEmpty()) {
      return Optional.of("there was no live buffer of " + node + " to truncate");
    }
    BufferJournal.Entry chosen = live.get(random.nextInt(live.size()));
    try {
      fabric.truncate(chosen.segment());
      return Optional.empty();
    } catch (IOException e) {
      return Optional.of("segment " + chosen.segment() + " was not truncated: " + e.getMessage());
    }
  }

  /**
   * Writes garbage over the IOMMU's line of a slot that has been used.
   *
   * @return why not, if there is none
   */
  Optional<String> damageSlot() {
    ControlFile control = fabric.control();
    int slots = control.slotsHighWater();
    if (slots == 0) {
      return Optional.of("there was no slot to damage");
    }
    control.damage(random.nextInt(slots), random::nextLong);
    return Optional.empty();
  }
}
