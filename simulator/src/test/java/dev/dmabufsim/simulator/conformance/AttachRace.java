package dev.dmabufsim.simulator.conformance;

import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.ExporterKind;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.driver.ImporterOffer;
import dev.dmabufsim.exporter.AttachCore;
import dev.dmabufsim.exporter.BufferEvent;
import dev.dmabufsim.exporter.BufferState;
import dev.dmabufsim.exporter.ExporterPlan;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * An exporter device and its one buffer, between which nothing passes unless the case says so: what
 * happens to the one is not known to the other.
 */
final class AttachRace {
  final DmaBuf buffer;
  private final AttachCore device;
  private final List<BufferEvent> underWay = new ArrayList<>();
  private AttachCore.State state;

  AttachRace() {
    this(1);
  }

  AttachRace(int firstId) {
    this(ExporterKind.VFIO_PCI, Contract.V7, RevokeCause.RESET, firstId);
  }

  AttachRace(ExporterKind kind, Contract contract, RevokeCause cause) {
    this(kind, contract, cause, 1);
  }

  private AttachRace(ExporterKind kind, Contract contract, RevokeCause cause, int firstId) {
    this.state = AttachCore.fresh(firstId);
    this.buffer = new DmaBuf(kind, contract);
    this.device =
        new AttachCore(
            new ExporterPlan.Device("exporter", kind, 1, DmaBuf.BYTES, List.of(cause), Map.of()),
            Set.of(DmaBuf.BUFFER),
            1);
  }

  /** An attach, under a number of the importer's; what the device answers. */
  Errno attach(long cookie) {
    return attach(ImporterOffer.DYNAMIC, cookie);
  }

  /** An attach of such an importer; what the device answers. */
  Errno attach(ImporterOffer offer, long cookie) {
    return attach(DmaBuf.BUFFER, "nic", offer, cookie);
  }

  /** An attach of that device to that buffer; what is answered. */
  Errno attach(int number, String name, ImporterOffer offer, long cookie) {
    BufferState.Importer importer =
        new BufferState.Importer(DmaBuf.PROCESS, 1, "importer", offer, false);
    AttachCore.Step step =
        device.step(
            state, new AttachCore.Event.Asked(number, true, name, importer, List.of(cookie)));
    state = step.state();
    Errno answer = Errno.OK;
    for (AttachCore.Effect effect : step.effects()) {
      switch (effect) {
        case AttachCore.Effect.Attach e ->
            underWay.add(new BufferEvent.Attached(e.importer(), e.ids(), e.mapErrno(), buffer.now));
        case AttachCore.Effect.Reply e -> answer = e.errno();
        case AttachCore.Effect.Note e -> {}
      }
    }
    return answer;
  }

  /** The device hears of the buffer's flag. */
  void flagHeard() {
    state =
        device
            .step(state, new AttachCore.Event.FlagChanged(DmaBuf.BUFFER, buffer.state.revoked()))
            .state();
  }

  /** What was accepted is put on the list. */
  void listed() {
    underWay.forEach(buffer::happens);
    underWay.clear();
  }
}
