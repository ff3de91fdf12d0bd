package dev.dmabufsim.exporter;

import dev.dmabufsim.common.contract.ExporterKind;
import dev.dmabufsim.exporter.BufferState.Attachment;

/**
 * Where a GPU's buffer may be. VRAM is for those who do peer-to-peer; as soon as an attachment does
 * not, it has to be system memory, as amdgpu has it in its map op.
 */
public final class Placement {
  private Placement() {}

  /** Whether it is where that attachment cannot reach it. */
  static boolean outOfReach(BufferState state, Attachment a) {
    return inVram(state) && !a.importer().offer().peer2peer();
  }

  /**
   * Whether it is in VRAM though an attachment, any, cannot reach it there: so nobody may pin it.
   * amdgpu's pin op leaves VRAM out of the domains as soon as one attachment does no peer-to-peer.
   */
  static boolean misplaced(BufferState state) {
    return inVram(state)
        && state.attachments().values().stream().anyMatch(a -> !a.importer().offer().peer2peer());
  }

  /** Whether the memory is a GPU's own. */
  static boolean inVram(BufferState state) {
    return state.settings().kind() == ExporterKind.GPU_VRAM && !state.memory().system();
  }

  /**
   * Where a move goes: from VRAM to system memory; and back, which is what a driver does at the
   * next use, unless an attachment needs it to stay in system memory.
   */
  static boolean movesToSystem(BufferState state) {
    return inVram(state)
        || state.attachments().values().stream().anyMatch(a -> !a.importer().offer().peer2peer());
  }

  /**
   * Whether fresh memory is system memory: where it was, but for what was on its way to system
   * memory and lost its content.
   */
  static boolean goesTo(BufferState state) {
    return state.memory().system() || misplaced(state);
  }

  /** Pins and static mappings, which keep it where it is. */
  static int holds(BufferState state) {
    return state.pins()
        + (int)
            state.attachments().values().stream().filter(a -> a.pins() == 0 && a.holds()).count();
  }

  /**
   * Whether an attachment without peer-to-peer asks in vain: others hold the memory in VRAM, and
   * until they let go its map is EBUSY and its pin EINVAL.
   *
   * @param id its number, if it has one
   */
  public static boolean keptOut(BufferState state, int id, boolean peer2peer) {
    return !peer2peer
        && inVram(state)
        && state.attachments().values().stream().anyMatch(a -> a.id() != id && a.holds());
  }
}
