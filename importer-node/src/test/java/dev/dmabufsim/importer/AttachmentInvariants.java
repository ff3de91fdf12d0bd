package dev.dmabufsim.importer;

import dev.dmabufsim.common.driver.Reaction.Trigger;
import dev.dmabufsim.common.driver.Reaction.Unmap;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.SgTable;
import dev.dmabufsim.importer.AttachmentEffect.Progress;
import dev.dmabufsim.importer.AttachmentEffect.Signal;
import dev.dmabufsim.importer.AttachmentState.Phase;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What must hold of an attachment after every event, whatever its exporter and its engine say. */
final class AttachmentInvariants {
  private @Nullable SgTable running;
  private boolean stopAsked;
  private boolean stopped;
  private boolean releaseAsked;
  private boolean released;
  private boolean returned;
  private final Set<Integer> signalled = new HashSet<>();
  private final Set<Long> cookies = new HashSet<>();

  @SuppressWarnings("AnnotateFormatMethod") // a dependency for one method of a test
  private static void must(boolean holds, String what, Object... about) {
    if (!holds) {
      throw new AssertionError(String.format(what, about));
    }
  }

  /** What its engine may use in any way, as far as it has said. */
  @Nullable SgTable running() {
    return running;
  }

  void check(AttachmentState before, AttachmentEvent event, AttachmentCore.Step step) {
    AttachmentState after = step.state();
    if (event instanceof AttachmentEvent.EngineStopped) {
      stopped |= stopAsked;
    }
    if (event instanceof AttachmentEvent.EngineReleased && releaseAsked) {
      stopped = true;
      released = true;
      running = null;
    }
    for (AttachmentEffect effect : step.effects()) {
      check(before, event, after, effect);
    }
    must(
        after.mapped() == (running != null) || after.phase() == Phase.DONE,
        "%s, its engine has %s",
        after,
        running);
    must(after.phase() == Phase.STOPPING || after.timeline() == null, "a time line in %s", after);
    boolean over = after.phase() == Phase.DONE || after.phase() == Phase.REFUSED;
    must(!over || !after.pinned(), "over, and pinned: %s", after);
    must(before.phase() != Phase.DONE || after.phase() == Phase.DONE, "undone by %s", event);
    must(
        after.epoch() >= before.epoch() || event instanceof AttachmentEvent.AttachAnswered,
        "an older epoch: %s",
        after);
    must(!before.ending() || after.ending(), "does not end any more: %s", event);
    must(
        after.offer().revocable()
            || after.phase() != Phase.STOPPING
            || after.ending()
            || after.timeline() == null,
        "was told, and has no callback: %s",
        after);
  }

  private void check(
      AttachmentState before,
      AttachmentEvent event,
      AttachmentState after,
      AttachmentEffect effect) {
    switch (effect) {
      case AttachmentEffect.StartEngine e -> {
        must(running == null, "started twice, at %s", event);
        must(!after.ending(), "started at its end, at %s", event);
        running = e.table();
        stopAsked = false;
        stopped = false;
        releaseAsked = false;
        released = false;
        returned = false;
        signalled.clear();
      }
      case AttachmentEffect.StopEngine e -> {
        must(running != null && !stopAsked && !releaseAsked, "stopped at %s", event);
        stopAsked = true;
      }
      case AttachmentEffect.ReleaseEngine e -> {
        must(running != null && !releaseAsked, "released at %s", event);
        releaseAsked = true;
      }
      case AttachmentEffect.Ask e -> {
        must(running == null, "%s while mapped, at %s", e.operation(), event);
        must(
            e.call() == after.call() && after.phase() == asking(e.operation()),
            "%s in %s",
            e,
            after);
        boolean again = before.phase() == after.phase() && before.call() == e.call();
        boolean map = asking(e.operation()) == Phase.MAPPING;
        must(!map || !after.ending() || again, "maps at its end, at %s", event);
        must(
            !map || (e.operation() == Operation.IOMMUFD_MAP) == after.offer().iommufdMap(),
            "maps by %s",
            e.operation());
        must(e.operation() != Operation.PIN || after.offer().pins(), "pins at %s", event);
      }
      case AttachmentEffect.Attach e -> {
        must(
            before.phase() == Phase.IDLE || before.phase() == Phase.ATTACHING,
            "attaches when it is %s",
            before);
        // Who hammers answers a refusal with a new attempt.
        boolean attempt =
            before.phase() == Phase.IDLE || event instanceof AttachmentEvent.AttachAnswered;
        must(
            (e.cookie() != before.cookie()) == attempt,
            "a new cookie for a new attempt, and for nothing else: %s",
            e);
        must(cookies.add(e.cookie()) == attempt, "a cookie that was another attempt's: %s", e);
      }
      case AttachmentEffect.Probe e -> {
        must(running == null, "probes while live, at %s", event);
        must(e.stale().equals(before.table()), "%s is not stale", e);
      }
      case Progress e -> checkProgress(before, event, e);
    }
  }

  private static Phase asking(Operation operation) {
    return switch (operation) {
      case PIN -> Phase.PINNING;
      case UNPIN -> Phase.UNPINNING;
      case MAP, IOMMUFD_MAP -> Phase.MAPPING;
      case UNMAP -> Phase.UNMAPPING;
      case DETACH -> Phase.DETACHING;
      case BEGIN_CPU_ACCESS, END_CPU_ACCESS, MMAP, MUNMAP, VMAP, VUNMAP ->
          throw new AssertionError("an attachment asks for " + operation);
    };
  }

  private void checkProgress(AttachmentState before, AttachmentEvent event, Progress e) {
    must(before.offer().revocable(), "has no callback that could return: %s", e);
    boolean invalidated = event instanceof AttachmentEvent.Invalidated;
    ReactionTimeline past = before.past();
    // Or it has to take the unmap to be lost, since what it asks for is not legal.
    boolean illegal = event instanceof AttachmentEvent.Answered a && !a.errno().ok();
    if ((invalidated || illegal)
        && past != null
        && before.phase() != Phase.STOPPING
        && e.epoch() == before.epoch()) {
      must(past.over() && e.returned() && e.unmapped(), "told again, and not over: %s", e);
      must(
          e.fences().equals(past.fences()) && e.signalled().equals(past.signals()),
          "told again, and not the same: %s",
          e);
      return;
    }
    if (invalidated
        && (before.phase() == Phase.LIVE || before.phase() == Phase.FAULTED)
        && e.epoch() == before.epoch()) {
      must(
          e.equals(new Progress(e.epoch(), true, List.of(), List.of(), false, false)),
          "told again of what was before its mapping: %s",
          e);
      return;
    }
    if (!before.mapped() && before.phase() != Phase.STOPPING) {
      must(!invalidated || before.phase() != Phase.LIVE, "%s", e);
      must(e.unmapped() && e.returned() && e.fences().isEmpty(), "not mapped, and: %s", e);
      return;
    }
    must(!e.unmapped() || released, "unmapped before the engine let go: %s", e);
    must(!(e.returned() && returned) || invalidated, "returned twice, at %s", event);
    returned |= e.returned();
    must(returned, "something of a callback that has not returned: %s", e);
    ReactionTimeline timeline = before.timeline();
    if (before.phase() == Phase.STOPPING && invalidated) {
      must(
          signalled.equals(Set.copyOf(e.signalled().stream().map(Signal::index).toList())),
          "told again, and not the same: %s",
          e);
      return;
    }
    for (Signal signal : e.signalled()) {
      must(signalled.add(signal.index()), "fence %s signals twice", signal);
      Trigger trigger =
          timeline == null
              ? Trigger.INVALIDATED
              : timeline.plan().fences().get(signal.index()).trigger();
      must(trigger != Trigger.NEVER, "fence %s was never to signal", signal);
      must(
          trigger != Trigger.ENGINE_STOPPED || stopped,
          "fence %s signals before the engine has stopped",
          signal);
    }
    boolean inCallback = timeline != null && timeline.plan().unmap() == Unmap.IN_CALLBACK;
    must(!inCallback || !e.returned() || released, "its callback left something mapped: %s", e);
    must(
        timeline == null || timeline.plan().unmap() != Unmap.NEVER || !e.unmapped(),
        "unmapped, which it never does: %s",
        e);
  }
}
