package dev.dmabufsim.simulator.explore;

import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.history.HistoryLine;
import dev.dmabufsim.simulator.judge.Invariant;
import dev.dmabufsim.simulator.judge.Violation;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/** A trace told: as numbered steps, and as a Mermaid sequence diagram. */
public final class Story implements Schedule.Onlooker {
  private static final int WIDTH = 9;

  private final List<String> steps = new ArrayList<>();
  private final List<String> diagram = new ArrayList<>();
  private String told = "";
  private int actions;

  private Story() {}

  /** What is told of a trace. */
  public record Told(List<String> steps, List<String> diagram, Violation violation) {}

  /** Tells it; empty if it is not possible in that world, or breaks none of these. */
  public static Optional<Told> tell(
      WorldPlan plan, List<Action> actions, Set<Invariant> invariants) {
    Story story = new Story();
    story.diagram.add("sequenceDiagram");
    story.diagram.add("  participant x as exporter");
    story.diagram.add("  participant m as IOMMU");
    plan.importers()
        .forEach(d ->
            story.diagram.add(
                "  participant %s as %s, %s"
                    .formatted(d.name(), d.driver().kind(), d.behaviour().label())));
    return Schedule.watch(plan, actions, story)
        .flatMap(o -> o.violation(invariants))
        .map(v -> {
          story.diagram.add("  Note over x: invariant %d broken".formatted(v.invariant().number()));
          return new Told(story.steps, story.diagram, v);
        });
  }

  @Override
  public void before(World w, Action action) {
    told = description(w, action);
    String arrow = arrow(w, action);
    if (!arrow.isEmpty()) {
      diagram.add("  " + arrow);
    }
  }

  @Override
  public void after(World w, Action action, List<HistoryLine> lines) {
    steps.add("%3d. %s ms  %s".formatted(++actions, milliseconds(w.now()), told).stripTrailing());
    for (HistoryLine line : lines) {
      String what = what(line.event());
      if (!what.isEmpty()) {
        steps.add(" ".repeat(5 + WIDTH + 4) + line.node() + ": " + what);
        if (w.names().contains(line.node())) {
          diagram.add("  Note over %s: %s".formatted(line.node(), what));
        }
      }
    }
  }

  private static String milliseconds(long nanos) {
    return String.format(Locale.ROOT, "%" + WIDTH + ".3f", nanos / 1e6);
  }

  private static String description(World w, Action a) {
    String first = a.a() < w.nodes() ? w.names().get(a.a()) : "";
    return switch (a.verb()) {
      case DELIVER, LOSE, DUPLICATE, REORDER, DELAY -> {
        String second = w.names().get(a.b());
        String what = message(w.net().channel(a.a(), a.b()).getFirst().packet());
        String fate =
            switch (a.verb()) {
              case LOSE -> ", which is lost";
              case DUPLICATE -> ", which comes twice";
              case REORDER -> ", which is overtaken by the one behind it";
              case DELAY -> ", which is late";
              default -> arrives(w, a) ? "" : ", who is not there any more";
            };
        yield first + " -> " + second + ": " + what + fate;
      }
      case DMA -> first + ": the engine begins a " + (a.arg() == 1 ? "write" : "read");
      case ENGINE -> first + ": " + ((ImporterNode) w.node(a.a())).engine().nextStep();
      case HEAR -> first + ": the driver hears its engine";
      case TIMER -> first + ": a timer is over";
      case FLAG -> "x: the device hears that the buffer's flag changed";
      case SELF -> "x: the pool or the memory answers";
      case NOTICE -> first + ": notices that process " + a.b() + " is dead";
      case TIME -> "time passes";
      case REVOKE -> "x: is asked to revoke";
      case RESTORE -> "x: is asked to restore";
      case END -> "the importers are asked to give everything back";
      case KILL -> first + ": is killed";
      case CRASH ->
          first + ": will die within a step, behind the next " + a.arg() + " things that it does";
      case FREEZE -> first + ": is frozen";
      case RESUME -> first + ": goes on";
      case RESTART -> first + ": is started again";
      case PARTITION -> first + " and " + w.names().get(a.b()) + " are cut off from one another";
      case HEAL -> first + " and " + w.names().get(a.b()) + " can reach one another again";
    };
  }

  private static boolean arrives(World w, Action a) {
    Network.Sent sent = w.net().channel(a.a(), a.b()).getFirst();
    return w.node(a.b()).up() && w.node(a.b()).process() == sent.to();
  }

  private static String arrow(World w, Action a) {
    String first = a.a() < w.nodes() ? w.names().get(a.a()) : "";
    return switch (a.verb()) {
      case DELIVER ->
          "%s->>%s: %s"
              .formatted(
                  first,
                  w.names().get(a.b()),
                  message(w.net().channel(a.a(), a.b()).getFirst().packet()));
      case LOSE ->
          "%s--x%s: %s"
              .formatted(
                  first,
                  w.names().get(a.b()),
                  message(w.net().channel(a.a(), a.b()).getFirst().packet()));
      case DMA, ENGINE, NOTICE, KILL, CRASH, FREEZE, RESUME, RESTART ->
          "Note over %s: %s".formatted(first, after(description(w, a)));
      case REVOKE, RESTORE -> "Note over x: " + after(description(w, a));
      case PARTITION, HEAL, DUPLICATE, REORDER, DELAY ->
          "Note over %s,%s: %s"
              .formatted(first, w.names().get(a.b()), a.verb().name().toLowerCase(Locale.ROOT));
      case HEAR, TIMER, FLAG, SELF, TIME, END -> "";
    };
  }

  private static String after(String description) {
    int colon = description.indexOf(": ");
    return colon < 0 ? description : description.substring(colon + 2);
  }

  /** A message in a few words, as Mermaid can have them: without semicolon or hash. */
  private static String message(Packet packet) {
    return switch (packet) {
      case Packet.Attach m -> "attach";
      case Packet.Call m ->
          m.operation().name().toLowerCase(Locale.ROOT) + " of attachment " + m.id();
      case Packet.Progress m ->
          "progress of epoch "
              + m.epoch()
              + (m.returned().isEmpty() ? "" : ", returned")
              + (m.fences().isEmpty() ? "" : ", " + m.fences().size() + " fences")
              + (m.signalled().isEmpty() ? "" : ", " + m.signalled().size() + " signalled")
              + (m.unmapped().isEmpty() ? "" : ", unmapped");
      case Packet.SlotsMapped m ->
          m.tables().isEmpty() ? "no slot" : "slot " + m.tables().getFirst().slot() + " is open";
      case Packet.SlotsUnmapped m -> "slots are closed and drained";
      case Packet.BufferClosed m ->
          "the buffer is closed, epoch "
              + m.epoch()
              + (m.undrained().isEmpty() ? "" : ", undrained: " + m.undrained());
      case Packet.ProcessDied m -> "process " + m.process() + " died";
      case Packet.Subscribe m -> "who has died?";
      case Packet.IommuReady m -> "a new IOMMU";
      case Packet.Buffers m -> "a new exporter with buffer " + m.buffer();
      case Packet.AttachReply m ->
          m.errno().ok() ? "attached as " + m.id() : "attach failed, " + m.errno();
      case Packet.CallReply m ->
          m.operation().name().toLowerCase(Locale.ROOT)
              + (m.failed().isEmpty() ? " done" : " failed, " + m.failed().getFirst().errno());
      case Packet.InvalidateMappings m -> "invalidate_mappings, epoch " + m.epoch();
      case Packet.MapSlots m -> "map a slot, epoch " + m.epoch();
      case Packet.UnmapSlots m -> "close a slot";
      case Packet.CloseBuffer m -> "close the buffer, epoch " + m.epoch();
    };
  }

  /** What of a history matters to a reader; nothing of what the step itself says. */
  private static String what(HistoryEvent event) {
    return switch (event) {
      case HistoryEvent.RevokeRequested e ->
          "revoke of epoch %d begins, memory of generation %d".formatted(e.epoch(), e.generation());
      case HistoryEvent.RevokeCompleted e ->
          "revoke of epoch %d is complete, %s, after %d us"
              .formatted(e.epoch(), e.outcome().name().toLowerCase(Locale.ROOT), e.micros());
      case HistoryEvent.HandedOver e ->
          "the memory goes to its next owner, generation " + e.tenantGeneration();
      case HistoryEvent.Restored e ->
          "has memory again, segment %d of generation %d".formatted(e.segment(), e.generation());
      case HistoryEvent.Late e ->
          "a late %s, %s"
              .formatted(e.write() ? "write" : "read", e.late().name().toLowerCase(Locale.ROOT));
      case HistoryEvent.Leaked e -> "read " + e.words() + " words of another's";
      case HistoryEvent.Refused e -> "a DMA failed, " + e.how();
      case HistoryEvent.Scanned e ->
          e.foreignBytes() == 0
              ? ""
              : "the next owner finds " + e.foreignBytes() + " foreign bytes";
      case HistoryEvent.Moved e -> "the content is moved to segment " + e.toSegment();
      case HistoryEvent.MoveFailed e -> "the move failed, " + e.why();
      case HistoryEvent.Closed e ->
          "the slots of epoch %d are closed, open %s, undrained %s"
              .formatted(e.epoch(), e.open(), e.undrained());
      case HistoryEvent.Orphaned e -> "the buffer's exporter is dead, epoch " + e.epoch();
      case HistoryEvent.Reclaimed e -> "the dead exporter's memory is taken back";
      case HistoryEvent.Rebuilt e -> "the table is read anew, open " + e.open();
      case HistoryEvent.ExporterLost e -> "its exporter is lost";
      case HistoryEvent.Reaped e -> "attachments of a dead process are gone";
      case HistoryEvent.Recovered e -> "does DMA anew";
      case HistoryEvent.MoveRefused e -> "a move is refused";
      case HistoryEvent.Dropped e -> "drops a message, " + e.why();
      case HistoryEvent.IllegalCall e -> "an illegal " + e.operation();
      case HistoryEvent.NodeStarted e -> "";
      case HistoryEvent.Exported e -> "";
      case HistoryEvent.Attached e -> "";
      case HistoryEvent.AttachRefused e -> "";
      case HistoryEvent.MapRefused e -> "";
      case HistoryEvent.Operated e -> "";
      case HistoryEvent.RevokeUnfinished e -> "";
      case HistoryEvent.BufferReleased e -> "";
      case HistoryEvent.ExporterStopped e -> "";
      case HistoryEvent.Invalidated e -> "";
      case HistoryEvent.Fenced e -> "its fences have signalled";
      case HistoryEvent.Probed e -> "";
      case HistoryEvent.PhaseBroken e -> "";
      case HistoryEvent.CpuAccessed e -> "";
      case HistoryEvent.DeviceStopped e -> "";
      case HistoryEvent.ProcessDied e -> "";
      case HistoryEvent.IommuStopped e -> "";
      case HistoryEvent.FaultPointReached e -> "";
      case HistoryEvent.FaultStruck e -> "";
      case HistoryEvent.FaultOver e -> "";
      case HistoryEvent.MappingsLost e -> "";
    };
  }
}
