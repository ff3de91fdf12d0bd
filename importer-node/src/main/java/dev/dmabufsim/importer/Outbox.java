package dev.dmabufsim.importer;

import dev.dmabufsim.common.message.ExporterMessage;
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
    final List<ExporterMessage.Fence> fences = new ArrayList<>();
    final List<ExporterMessage.Signal> signalled = new ArrayList<>();
    final List<Integer> unmapped = new ArrayList<>();
    final List<Integer> fenced = new ArrayList<>();

    void addAll(Progress other) {
      returned.addAll(other.returned);
      fences.addAll(other.fences);
      signalled.addAll(other.signalled);
      unmapped.addAll(other.unmapped);
      fenced.addAll(other.fenced);
    }
  }

  final Map<Integer, List<Long>> attaches = new LinkedHashMap<>();
  final Map<CallKey, List<Integer>> calls = new LinkedHashMap<>();
  final Map<EpochKey, Progress> progress = new LinkedHashMap<>();
  final Map<EpochKey, List<SgTable>> probes = new LinkedHashMap<>();

  /** By what the engine is to do for them. */
  final Map<AttachmentEffect.StopEngine, List<Integer>> stops = new LinkedHashMap<>();

  final Map<AttachmentEffect.ReleaseEngine, List<Integer>> releases = new LinkedHashMap<>();

  void add(int buffer, AttachmentState state, AttachmentEffect effect) {
    switch (effect) {
      case AttachmentEffect.Attach e ->
          attaches.computeIfAbsent(buffer, b -> new ArrayList<>()).add(e.cookie());
      case AttachmentEffect.Ask e -> ask(buffer, state.id(), e.operation(), e.call());
      case AttachmentEffect.Progress e -> add(buffer, state.id(), e);
      case AttachmentEffect.Probe e ->
          probes
              .computeIfAbsent(new EpochKey(buffer, state.epoch()), k -> new ArrayList<>())
              .add(e.stale());
      case AttachmentEffect.StopEngine e ->
          stops.computeIfAbsent(e, k -> new ArrayList<>()).add(state.id());
      case AttachmentEffect.ReleaseEngine e ->
          releases.computeIfAbsent(e, k -> new ArrayList<>()).add(state.id());
      case AttachmentEffect.StartEngine e -> {
        // Carried out at once by the device: an engine is started mapping by mapping.
      }
    }
  }

  void ask(int buffer, int attachment, Operation operation, long call) {
    calls
        .computeIfAbsent(new CallKey(buffer, operation, call), k -> new ArrayList<>())
        .add(attachment);
  }

  private void add(int buffer, int id, AttachmentEffect.Progress e) {
    Progress p = progress.computeIfAbsent(new EpochKey(buffer, e.epoch()), k -> new Progress());
    if (e.returned()) {
      p.returned.add(id);
    }
    e.fences().forEach(f -> p.fences.add(new ExporterMessage.Fence(id, f.index(), f.usage())));
    e.signalled()
        .forEach(s -> p.signalled.add(new ExporterMessage.Signal(id, s.index(), s.error())));
    if (e.fenced()) {
      p.fenced.add(id);
    }
    if (e.unmapped()) {
      p.unmapped.add(id);
    }
  }

  void clear() {
    attaches.clear();
    calls.clear();
    progress.clear();
    probes.clear();
    stops.clear();
    releases.clear();
  }
}
