package dev.dmabufsim.importer;

import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.SgTable;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Gathers what the attachments of a device want, so that it leaves in batches. */
final class Outbox {
  record CallKey(int buffer, Operation operation, long call) {}

  record EpochKey(int buffer, long epoch) {}

  /** How far attachments have come, see {@code RevokeProgress}. */
  static final class Progress {
    final List<Integer> returned = new ArrayList<>();
    final List<Integer> fenced = new ArrayList<>();
    final List<Integer> unmapped = new ArrayList<>();
  }

  final Map<Integer, List<Integer>> attaches = new LinkedHashMap<>();
  final Map<CallKey, List<Integer>> calls = new LinkedHashMap<>();
  final Map<EpochKey, Progress> progress = new LinkedHashMap<>();
  final Map<EpochKey, List<SgTable>> probes = new LinkedHashMap<>();
  final List<Integer> stops = new ArrayList<>();

  void add(int buffer, AttachmentCore.State state, AttachmentCore.Effect effect) {
    switch (effect) {
      case AttachmentCore.Effect.Attach e ->
          attaches.computeIfAbsent(buffer, b -> new ArrayList<>()).add(e.cookie());
      case AttachmentCore.Effect.Ask e ->
          calls
              .computeIfAbsent(new CallKey(buffer, e.operation(), e.call()), k -> new ArrayList<>())
              .add(state.id());
      case AttachmentCore.Effect.Progress e -> {
        Progress p = progress.computeIfAbsent(new EpochKey(buffer, e.epoch()), k -> new Progress());
        if (e.returned()) {
          p.returned.add(state.id());
        }
        if (e.fenced()) {
          p.fenced.add(state.id());
        }
        if (e.unmapped()) {
          p.unmapped.add(state.id());
        }
      }
      case AttachmentCore.Effect.Probe e ->
          probes
              .computeIfAbsent(new EpochKey(buffer, state.epoch()), k -> new ArrayList<>())
              .add(e.stale());
      case AttachmentCore.Effect.StopEngine e -> stops.add(state.id());
      case AttachmentCore.Effect.StartEngine e -> {
        // Carried out at once by the device: an engine is started mapping by mapping.
      }
    }
  }

  void clear() {
    attaches.clear();
    calls.clear();
    progress.clear();
    probes.clear();
    stops.clear();
  }
}
