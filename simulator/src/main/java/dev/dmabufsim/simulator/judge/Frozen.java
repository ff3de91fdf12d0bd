package dev.dmabufsim.simulator.judge;

import dev.dmabufsim.common.contract.LateAccess;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.fabric.Canary;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.history.HistoryLine;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a process that was frozen does when it wakes up to memory that was handed on meanwhile:
 * nothing, whether it keeps the contract or not. And it goes on: it writes something down, and if
 * it had lost memory it attaches or maps again, or says that it was given up.
 */
final class Frozen implements Watch {
  /** A trace of an importer in memory that was somebody else's. */
  private record Trace(int attachment, String device, String what, HistoryLine line) {}

  /** A device that knows that the process of its exporter is dead. */
  private record Lost(String device, int process) {}

  private record Handed(int buffer, Set<String> from, HistoryLine line) {}

  private final Attachments attachments = new Attachments();
  private final List<Trace> traces = new ArrayList<>();
  private final List<Handed> handedOn = new ArrayList<>();
  private final Map<Integer, Set<String>> revokedFrom = new HashMap<>();
  private final Set<Integer> goneForGood = new HashSet<>();
  private final Set<Lost> knownLost = new HashSet<>();
  private final Map<String, HistoryLine> lastSign = new HashMap<>();
  private final Map<String, HistoryLine> lastUse = new HashMap<>();
  private final Map<String, HistoryLine> lastOfNode = new HashMap<>();

  @Override
  public void accept(HistoryLine line) {
    if (line.event() instanceof HistoryEvent.RevokeRequested e) {
      revokedFrom.put(e.buffer(), mappers(e.buffer()));
      if (e.cause().after() == RevokeCause.After.DEAD) {
        goneForGood.add(e.buffer());
      }
    }
    attachments.accept(line);
    lastOfNode.put(line.node(), line);
    switch (line.event()) {
      case HistoryEvent.HandedOver e ->
          handedOn.add(
              new Handed(e.buffer(), revokedFrom.getOrDefault(e.buffer(), Set.of()), line));
      case HistoryEvent.Scanned e ->
          e.authors().stream()
              .filter(a -> a.tag() == Canary.TAG_DEVICE)
              .forEach(a ->
                  traces.add(
                      new Trace(
                          a.author(),
                          device(a.author()),
                          "changed " + a.bytes() + " bytes",
                          line)));
      case HistoryEvent.Leaked e ->
          traces.add(
              new Trace(
                  e.attachment(), e.device(), "read " + e.words() * Long.BYTES + " bytes", line));
      case HistoryEvent.Late e -> {
        if (e.late() == LateAccess.UAF) {
          traces.add(
              new Trace(
                  e.attachment(), e.device(), (e.write() ? "wrote to" : "read") + " some", line));
        }
      }
      case HistoryEvent.Recovered e -> lastSign.put(e.device(), line);
      case HistoryEvent.MappingsLost e -> lastSign.put(e.device(), line);
      case HistoryEvent.ExporterLost e -> knownLost.add(new Lost(e.device(), e.process()));
      case HistoryEvent.Operated e -> {
        if (Attachments.opensSlot(e.operation())) {
          e.attachments().forEach(id -> lastUse.put(device(id), line));
        }
      }
      default -> {}
    }
  }

  private Set<String> mappers(int buffer) {
    Set<String> devices = new HashSet<>();
    attachments.mapped().keySet().stream()
        .map(attachments.ever()::get)
        .filter(a -> a != null && a.buffer() == buffer)
        .forEach(a -> devices.add(a.importer()));
    return devices;
  }

  private String device(int attachment) {
    Attachments.Held one = attachments.ever().get(attachment);
    return one == null ? Names.UNKNOWN : one.importer();
  }

  @Override
  public void rule(Run run, Ruling ruling) {
    for (Cast.Freeze freeze : run.cast().freezes()) {
      traces.stream()
          .filter(t -> t.line.nanos() >= freeze.struck().nanos())
          .filter(t -> freeze.node().equals(run.facts().nodes().get(t.device)))
          .forEach(t ->
              ruling.broke(
                  Invariant.FROZEN_CHANGES_NOTHING,
                  "%s, which had been frozen, %s of memory that was somebody else's"
                      .formatted(run.names().who(t.attachment, t.device), t.what),
                  t.line));
      if (freeze.over() != null && run.facts().orderly()) {
        goesOn(freeze, freeze.over(), run, ruling);
      }
    }
  }

  private void goesOn(Cast.Freeze freeze, HistoryLine over, Run run, Ruling ruling) {
    String node = freeze.node();
    boolean killed =
        run.cast()
            .processOf(node, freeze.struck().nanos())
            .map(p -> run.cast().death(p).isPresent() && run.cast().killed(p))
            .orElse(false);
    if (killed) {
      return;
    }
    HistoryLine last = lastOfNode.get(node);
    if (last == null || last.nanos() < over.nanos()) {
      ruling.missed(
          Invariant.FROZEN_CHANGES_NOTHING,
          node + " was frozen, and was not heard of any more when it was let go on",
          over);
      return;
    }
    Set<String> lost = new HashSet<>();
    handedOn.stream()
        .filter(h -> h.line.nanos() >= freeze.struck().nanos() && h.line.nanos() < freeze.to())
        // Of what is revoked for good there is nothing to be mapped again.
        .filter(h -> !goneForGood.contains(h.buffer))
        .forEach(h ->
            h.from.stream()
                // What it had of who is dead is gone for good, and it knows; or it had detached.
                .filter(d -> !knownLost.contains(new Lost(d, h.buffer >>> Cast.BUFFER_BITS)))
                .filter(d -> !run.cast().orphan(h.buffer, Long.MAX_VALUE) || attached(d, h.buffer))
                .forEach(lost::add));
    lost.stream()
        .filter(d -> node.equals(run.facts().nodes().get(d)))
        .filter(d -> before(lastSign.get(d), over) && before(lastUse.get(d), over))
        .sorted()
        .forEach(d ->
            ruling.missed(
                Invariant.FROZEN_CHANGES_NOTHING,
                d + " lost memory while it was frozen, and never mapped any again",
                over));
  }

  private boolean attached(String device, int buffer) {
    return attachments.held().values().stream()
        .anyMatch(a -> a.buffer() == buffer && a.importer().equals(device));
  }

  private static boolean before(@Nullable HistoryLine line, HistoryLine over) {
    return line == null || line.nanos() < over.nanos();
  }
}
