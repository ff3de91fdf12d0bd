package dev.dmabufsim.simulator.conformance;

import dev.dmabufsim.common.contract.Behaviour;
import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.LateAccess;
import dev.dmabufsim.common.driver.ImporterDriver;
import dev.dmabufsim.common.driver.Invalidation;
import dev.dmabufsim.common.driver.Reaction;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.SgTable;
import dev.dmabufsim.exporter.BufferState;
import dev.dmabufsim.importer.AttachmentCore;
import dev.dmabufsim.importer.AttachmentEffect;
import dev.dmabufsim.importer.AttachmentEffect.Progress;
import dev.dmabufsim.importer.AttachmentEvent;
import dev.dmabufsim.importer.AttachmentState;
import dev.dmabufsim.importer.Misbehaviour;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * An importer with one attachment: its driver, {@link AttachmentCore}, and an engine that uses
 * whatever it is allowed or bold enough to use, all the time.
 */
final class Importer {
  private static final long NEVER = Long.MAX_VALUE;

  /** What an engine does with a mapping. */
  enum Use {
    /** It reads and writes. */
    LIVE,
    /** It may read and discard. */
    FENCED,
    /** It was to give it up, and uses the translation which it has cached. */
    OLD_TRANSLATION,
    /** It has given it up, and uses the address that it had. */
    OLD_ADDRESS,
    /** Nothing. */
    GONE
  }

  private static final class Mapping {
    final SgTable table;
    Use use = Use.LIVE;
    boolean reads;
    boolean writes;
    long until = NEVER;

    Mapping(SgTable table) {
      this.table = table;
    }
  }

  private final Host host;
  private final int process;
  private final ImporterDriver driver;
  private final Behaviour behaviour;
  private final Duration overrun;
  private final Random random = new Random(1);
  private final List<Mapping> mappings = new ArrayList<>();
  private final Map<LateAccess, Long> late = new EnumMap<>(LateAccess.class);
  private final Set<Use> broken = EnumSet.noneOf(Use.class);
  private final List<Integer> ids = new ArrayList<>();
  private final List<Errno> maps = new ArrayList<>();
  private final List<Progress> told = new ArrayList<>();
  private AttachmentState state;
  private boolean alive = true;
  private boolean signalledWhileLive;
  private int probes;

  Importer(Host host, int process, ImporterDriver driver, Behaviour behaviour, Duration overrun) {
    this.host = host;
    this.process = process;
    this.driver = driver;
    this.behaviour = behaviour;
    this.overrun = overrun;
    this.state = AttachmentState.idle(1, driver.offer(), host.now());
  }

  int process() {
    return process;
  }

  /** The attachment's number. */
  int id() {
    return state.id();
  }

  AttachmentState state() {
    return state;
  }

  boolean alive() {
    return alive;
  }

  boolean live() {
    return state.phase() == AttachmentState.Phase.LIVE;
  }

  boolean refused() {
    return state.phase() == AttachmentState.Phase.REFUSED;
  }

  /** Every attachment that it has had. */
  List<Integer> ids() {
    return List.copyOf(ids);
  }

  /** How its maps were answered. */
  List<Errno> maps() {
    return List.copyOf(maps);
  }

  /** What it has told of revokes. */
  List<Progress> told() {
    return List.copyOf(told);
  }

  /** Accesses to memory that was not the buffer's any more, by class. */
  Map<LateAccess, Long> late() {
    return Map.copyOf(late);
  }

  /** The worst of them. */
  Optional<LateAccess> worst() {
    return late.keySet().stream().reduce((a, b) -> a.compareTo(b) > 0 ? a : b);
  }

  /** In which phases its engine did what the phase forbids. */
  Set<Use> broken() {
    return Set.copyOf(broken);
  }

  /** Whether a fence of its signalled while its engine still read and wrote. */
  boolean signalledWhileLive() {
    return signalledWhileLive;
  }

  /** How often it tried an address whose mapping was gone, as an honest one does to see. */
  int probes() {
    return probes;
  }

  /** What its engine does with its newest mapping. */
  Use use() {
    return mappings.isEmpty() ? Use.GONE : mappings.getLast().use;
  }

  /** Whether its engine reads or writes through any mapping. */
  boolean running() {
    return mappings.stream().anyMatch(m -> m.use != Use.GONE && (m.reads || m.writes));
  }

  BufferState.Importer offered() {
    return new BufferState.Importer(
        process,
        process << 16 | 1,
        driver.kind(),
        driver.offer(),
        behaviour == Behaviour.SKIPS_IOTLB_FLUSH);
  }

  void dies() {
    alive = false;
    mappings.forEach(m -> m.use = Use.GONE);
  }

  /** Its time has come, if it has. */
  void due() {
    if (alive && state.dueNanos() <= host.now()) {
      happens(new AttachmentEvent.Due(host.call(this), host.now()));
    }
  }

  void attachAnswered(Errno errno, int id, long cookie) {
    if (alive && cookie == state.cookie()) {
      if (errno.ok() && state.phase() == AttachmentState.Phase.ATTACHING) {
        ids.add(id);
      }
      happens(new AttachmentEvent.AttachAnswered(errno, id, host.call(this), host.now()));
    }
  }

  void answered(Operation operation, Errno errno, @Nullable SgTable table, long call) {
    if (operation == Operation.MAP || operation == Operation.IOMMUFD_MAP) {
      maps.add(errno);
    }
    if (call == state.call()) {
      happens(new AttachmentEvent.Answered(operation, errno, table, host.call(this), host.now()));
    }
  }

  void invalidate(long epoch) {
    Invalidation invalidation =
        new Invalidation("device", state.id(), Host.BUFFER, epoch, host.now());
    Reaction reaction =
        live() && driver.offer().revocable()
            ? Misbehaviour.apply(behaviour, overrun, driver.onInvalidate(invalidation, random))
            : Reaction.inCallback(Duration.ZERO, Reaction.Afterwards.MAP_AGAIN);
    happens(new AttachmentEvent.Invalidated(epoch, reaction, host.call(this), host.now()));
  }

  /** Its user ends. */
  void ends() {
    happens(new AttachmentEvent.Ending(host.call(this), host.now()));
  }

  private void happens(AttachmentEvent event) {
    if (!alive) {
      return;
    }
    AttachmentCore.Step step = AttachmentCore.step(state, event);
    state = step.state();
    step.effects().forEach(this::carryOut);
    if (state.dueNanos() != NEVER) {
      host.later(Math.max(0, state.dueNanos() - host.now()), this::due);
    }
  }

  private void carryOut(AttachmentEffect effect) {
    switch (effect) {
      case AttachmentEffect.Attach e -> host.attach(this, e.cookie());
      case AttachmentEffect.Ask e -> host.ask(this, e.operation(), e.call());
      case AttachmentEffect.StartEngine e -> {
        Mapping mapping = new Mapping(e.table());
        mapping.reads = true;
        mapping.writes = driver.writes();
        mappings.add(mapping);
      }
      case AttachmentEffect.StopEngine e ->
          host.send(
              Host.Wire.ENGINE,
              () -> {
                Mapping mapping = mappings.getLast();
                mapping.use = Use.FENCED;
                mapping.reads = e.discardedReads();
                mapping.writes = e.writes();
                happens(new AttachmentEvent.EngineStopped(host.call(this), host.now()));
              });
      case AttachmentEffect.ReleaseEngine e ->
          host.send(
              Host.Wire.ENGINE,
              () -> {
                release(mappings.getLast(), e.oldTranslationNanos(), e.oldAddressNanos());
                happens(new AttachmentEvent.EngineReleased(host.call(this), host.now()));
              });
      case AttachmentEffect.Progress e -> {
        signalledWhileLive |= !e.signalled().isEmpty() && use() == Use.LIVE;
        told.add(e);
        host.progress(this, e);
      }
      case AttachmentEffect.Probe e -> probes++;
    }
  }

  private void release(Mapping mapping, long oldTranslation, long oldAddress) {
    mapping.use = Use.GONE;
    if (oldTranslation > 0 || oldAddress > 0) {
      mapping.use = oldTranslation > 0 ? Use.OLD_TRANSLATION : Use.OLD_ADDRESS;
      mapping.until = host.now() + Math.max(oldTranslation, oldAddress);
      mapping.reads = true;
      mapping.writes = driver.writes();
    }
  }

  /** The engine does what it does, and it is seen what becomes of that. */
  void look() {
    if (!alive) {
      return;
    }
    for (Mapping mapping : mappings) {
      if (host.now() >= mapping.until) {
        mapping.use = Use.GONE;
      }
      if (mapping.use != Use.GONE) {
        if (mapping.reads) {
          access(mapping, false);
        }
        if (mapping.writes) {
          access(mapping, true);
        }
      }
    }
  }

  private void access(Mapping mapping, boolean writes) {
    switch (mapping.use) {
      case LIVE, GONE -> {}
      case FENCED -> {
        if (writes) {
          broken.add(Use.FENCED);
        }
      }
      case OLD_TRANSLATION, OLD_ADDRESS -> broken.add(mapping.use);
    }
    SgTable table = mapping.table;
    Host.Memory memory = host.memory(table.segment());
    if (memory.owner() == Host.Owner.SOMEBODY && memory.generation() == table.generation()) {
      return;
    }
    late.merge(classify(mapping, memory), 1L, Long::sum);
  }

  private LateAccess classify(Mapping mapping, Host.Memory memory) {
    if (memory.owner() == Host.Owner.UNREACHABLE || memory.owner() == Host.Owner.SEVERED) {
      return LateAccess.AER;
    }
    SgTable table = mapping.table;
    boolean past = behaviour == Behaviour.SKIPS_IOTLB_FLUSH && mapping.use != Use.OLD_ADDRESS;
    if (table.translated() && !past && !translates(table)) {
      return LateAccess.IOMMU_FAULT;
    }
    return memory.owner() == Host.Owner.NOBODY ? LateAccess.NIRVANA : LateAccess.UAF;
  }

  private boolean translates(SgTable table) {
    return host.open(table.slot())
        && host.slot(table.attachment(), table.use())
            .filter(s -> s.index() == table.slot() && s.generation() == table.generation())
            .isPresent();
  }

  @Override
  public String toString() {
    return driver.kind() + " (" + behaviour.label() + ")";
  }
}
