package dev.dmabufsim.importer;

import dev.dmabufsim.common.message.SgTable;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A device's own cache of translations, which is what makes a late access possible at all: it goes
 * on holding what the IOMMU has forgotten, until it is flushed. Used by the engine's thread alone.
 */
final class Iotlb {
  private @Nullable Translation[] bySlot = new @Nullable Translation[64];

  /** What the address translates to, or null for a miss. */
  @Nullable Translation lookup(long iova) {
    int slot = SgTable.slotOf(iova);
    if (slot < 0 || slot >= bySlot.length) {
      return null;
    }
    Translation t = bySlot[slot];
    return t != null && iova >= t.iova() && iova - t.iova() < t.length() ? t : null;
  }

  /** Caches a translation in place of the one that its slot had. */
  void insert(Translation t) {
    int slot = SgTable.slotOf(t.iova());
    if (slot >= bySlot.length) {
      bySlot = Arrays.copyOf(bySlot, Math.max(slot + 1, bySlot.length * 2));
    }
    bySlot[slot] = t;
  }

  /** Forgets a translation, unless its slot has another by now. */
  @SuppressWarnings("ReferenceEquality") // that very entry, and not one that looks like it
  void flush(Translation t) {
    int slot = SgTable.slotOf(t.iova());
    if (slot < bySlot.length && bySlot[slot] == t) {
      bySlot[slot] = null;
    }
  }
}
