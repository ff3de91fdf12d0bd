package dev.dmabufsim.importer;

import dev.dmabufsim.common.contract.ImporterKind;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.SgTable;
import dev.dmabufsim.importer.AttachmentCore.Effect;
import dev.dmabufsim.importer.AttachmentCore.Event;
import dev.dmabufsim.importer.AttachmentCore.Phase;
import dev.dmabufsim.importer.AttachmentCore.State;
import org.jspecify.annotations.Nullable;

/** What must hold of an attachment after every event, whatever its exporter says. */
final class AttachmentInvariants {
  private @Nullable SgTable running;

  @SuppressWarnings("AnnotateFormatMethod") // a dependency for one method of a test
  private static void must(boolean holds, String what, Object... about) {
    if (!holds) {
      throw new AssertionError(String.format(what, about));
    }
  }

  /** What its engine does DMA through, if it does any. */
  @Nullable SgTable running() {
    return running;
  }

  void check(State before, Event event, AttachmentCore.Step step) {
    State after = step.state();
    for (Effect effect : step.effects()) {
      check(before, event, after, effect);
    }
    must((after.phase() == Phase.LIVE) == (running != null), "%s, DMA: %s", after, running);
    boolean over = after.phase() == Phase.DONE || after.phase() == Phase.REFUSED;
    must(!over || !after.pinned(), "over, and pinned: %s", after);
    must(before.phase() != Phase.DONE || after.phase() == Phase.DONE, "undone by %s", event);
    must(after.epoch() >= before.epoch() || event instanceof Event.AttachAnswered, "%s", after);
    must(!before.ending() || after.ending(), "does not end any more: %s", event);
  }

  private void check(State before, Event event, State after, Effect effect) {
    switch (effect) {
      case Effect.StartEngine e -> {
        must(running == null, "started twice, at %s", event);
        must(!after.ending(), "started at its end, at %s", event);
        running = e.table();
      }
      case Effect.StopEngine e -> {
        must(running != null, "stopped, but not running, at %s", event);
        running = null;
      }
      case Effect.Ask e -> {
        must(running == null, "%s while live, at %s", e.operation(), event);
        must(
            e.call() == after.call() && after.phase() == asking(e.operation()),
            "%s in %s",
            e,
            after);
        boolean again = before.phase() == after.phase() && before.call() == e.call();
        must(
            e.operation() != Operation.MAP || !after.ending() || again,
            "maps at its end, at %s",
            event);
      }
      case Effect.Attach e -> {
        must(
            before.phase() == Phase.IDLE || before.phase() == Phase.ATTACHING,
            "attaches when it is %s",
            before);
        must(
            (e.cookie() != before.cookie()) == (before.phase() == Phase.IDLE),
            "a new cookie for a new attempt, and for nothing else: %s",
            e);
      }
      case Effect.Probe e -> {
        must(running == null, "probes while live, at %s", event);
        must(e.stale().equals(before.table()), "%s is not stale", e);
      }
      case Effect.Progress e -> checkProgress(before, event, e);
    }
  }

  private static Phase asking(Operation operation) {
    return switch (operation) {
      case PIN -> Phase.PINNING;
      case UNPIN -> Phase.UNPINNING;
      case MAP -> Phase.MAPPING;
      case UNMAP -> Phase.UNMAPPING;
      case DETACH -> Phase.DETACHING;
    };
  }

  private static void checkProgress(State before, Event event, Effect.Progress e) {
    boolean engineMayRun =
        (before.phase() == Phase.LIVE || before.phase() == Phase.STOPPING)
            && !(event instanceof Event.EngineStopped);
    must(!engineMayRun || !(e.fenced() || e.unmapped()), "%s before the engine stopped", e);
    must(!e.unmapped() || e.fenced(), "unmapped before the fences: %s", e);
    must(
        before.kind() != ImporterKind.IOMMUFD || !e.returned() || e.fenced(),
        "its callback returned before all was over: %s",
        e);
  }
}
