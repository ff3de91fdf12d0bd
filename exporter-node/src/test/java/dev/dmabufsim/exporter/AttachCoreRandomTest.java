package dev.dmabufsim.exporter;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.ExporterKind;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.driver.ImporterOffer;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.exporter.AttachCore.Cookie;
import dev.dmabufsim.exporter.AttachCore.Effect;
import dev.dmabufsim.exporter.AttachCore.Event;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * What must hold of an exporter device's answers to attaches, whatever comes in whatever order:
 * requests of several processes, new ones and repetitions in one message, while flags change.
 */
final class AttachCoreRandomTest {
  /** As many buffers there are, and the next is none. */
  private static final int NOWHERE = 3;

  private static final int SEQUENCES = 500;
  private static final int EVENTS = 120;
  private static final int FIRST = 100;
  private static final int STRIDE = 7;

  /** So few that others use the same, and what is meant to be new is often not. */
  private static final int COOKIES = 80;

  private static final List<ImporterOffer> OFFERS =
      List.of(
          ImporterOffer.DYNAMIC,
          ImporterOffer.DYNAMIC.pins(true),
          ImporterOffer.DYNAMIC.pins(true).invalidateMappings(false),
          ImporterOffer.DYNAMIC.peer2peer(false),
          ImporterOffer.DYNAMIC.asStatic());

  /** Importer devices, and what this exporter's map or attach says of the pair. */
  private static final Map<String, Errno> UNREACHABLE =
      Map.of("below-another-bridge", Errno.EINVAL, "behind-acs", Errno.EBUSY);

  private static final List<String> DEVICES =
      List.of("near", "below-another-bridge", "near-too", "behind-acs");

  /** An answer. */
  private record Answer(Errno errno, int id) {}

  /** What the sequences led to: a test in which nobody is refused proves nothing. */
  private static final class Tally {
    int attached;
    int revoked;
    int notRevocable;
    int repeated;
    int mixed;
  }

  @ParameterizedTest
  @CsvSource({
    "VFIO_PCI, RESET",
    "RDMA_MMIO, CONTEXT_DESTROYED",
    "GPU_VRAM, EVICTION",
    "GPU_VRAM, HOT_UNPLUG"
  })
  void eachRequestHasOneAnswerForEverAndNobodyIsAttachedAgainstTheRules(
      ExporterKind kind, RevokeCause cause) {
    Tally tally = new Tally();
    for (long seed = 0; seed < SEQUENCES; seed++) {
      try {
        new Sequence(kind, cause, seed, tally).play();
      } catch (AssertionError | RuntimeException e) {
        throw new AssertionError(kind + ", " + cause + ", seed " + seed, e);
      }
    }
    assertThat(tally.attached).as("attached").isGreaterThan(5_000);
    assertThat(tally.repeated).as("repetitions").isGreaterThan(5_000);
    assertThat(tally.mixed).as("messages answered in parts").isGreaterThan(500);
    if (kind.attachChecksRevoked()) {
      assertThat(tally.revoked).as("refused since revoked").isGreaterThan(2_000);
    } else {
      assertThat(tally.revoked).isZero();
    }
    if (cause == RevokeCause.EVICTION) {
      assertThat(tally.notRevocable).as("it only moves").isZero();
    } else {
      assertThat(tally.notRevocable).isGreaterThan(500);
    }
  }

  /** One device to which things happen, with everything checked each time. */
  private static final class Sequence {
    private final Random random;
    private final Tally tally;
    private final ExporterKind kind;
    private final boolean forced;
    private final AttachCore core;
    private AttachCore.State state = AttachCore.fresh(FIRST);
    private final List<Event.Asked> past = new ArrayList<>();
    private final Set<Integer> revoked = new HashSet<>();
    private final Map<Cookie, Answer> answered = new HashMap<>();
    private final Set<Integer> given = new HashSet<>();

    Sequence(ExporterKind kind, RevokeCause cause, long seed, Tally tally) {
      this.random = new Random(seed);
      this.tally = tally;
      this.kind = kind;
      this.forced = AttachRules.forced(kind, List.of(cause));
      this.core =
          new AttachCore(
              new ExporterPlan.Device("device", kind, 3, 4096, List.of(cause), UNREACHABLE),
              IntStream.range(0, NOWHERE).boxed().collect(Collectors.toSet()),
              STRIDE);
    }

    void play() {
      for (int i = 0; i < EVENTS; i++) {
        if (random.nextInt(4) == 0) {
          flag(random.nextInt(NOWHERE), random.nextBoolean());
        } else {
          ask();
        }
      }
    }

    private void flag(int buffer, boolean set) {
      AttachCore.Step step = core.step(state, new Event.FlagChanged(buffer, set));
      must(step.effects().isEmpty(), "a flag answers nobody: %s", step.effects());
      state = step.state();
      if (set) {
        revoked.add(buffer);
      } else {
        revoked.remove(buffer);
      }
    }

    private void ask() {
      Event.Asked asked = next();
      past.add(asked);
      AttachCore.Step step = core.step(state, asked);
      check(asked, step.effects());
      state = step.state();
    }

    /** New requests, or what was asked before, or both in one message. */
    private Event.Asked next() {
      Event.Asked before = past.isEmpty() ? null : past.get(random.nextInt(past.size()));
      List<Long> its = new ArrayList<>();
      if (before != null && random.nextBoolean()) {
        its.addAll(before.cookies());
        if (random.nextBoolean()) {
          its.subList(0, random.nextInt(its.size())).clear();
        }
      }
      int fresh = its.isEmpty() ? 1 + random.nextInt(3) : random.nextInt(3);
      for (int i = 0; i < fresh; i++) {
        its.add(random.nextInt(its.size() + 1), (long) random.nextInt(COOKIES));
      }
      if (random.nextInt(8) == 0) {
        its.add(its.getFirst());
      }
      if (before != null && its.size() > fresh) {
        return new Event.Asked(
            before.buffer(), before.sameFabric(), before.device(), before.importer(), its);
      }
      int process = 1 + random.nextInt(3);
      return new Event.Asked(
          random.nextInt(NOWHERE + 1),
          random.nextInt(10) > 0,
          DEVICES.get(random.nextInt(DEVICES.size())),
          BufferDriver.importer(process, OFFERS.get(random.nextInt(OFFERS.size()))),
          its);
    }

    private void check(Event.Asked asked, List<Effect> effects) {
      List<Long> open = new ArrayList<>(asked.cookies());
      List<Integer> listed = new ArrayList<>();
      List<Integer> fresh = new ArrayList<>();
      int noted = 0;
      int refused = 0;
      int replies = 0;
      for (Effect effect : effects) {
        switch (effect) {
          case Effect.Attach e -> {
            must(replies == 0, "answered before it is on its way to the list: %s", effects);
            must(e.importer().equals(asked.importer()), "somebody else: %s", e);
            boolean mapped = UNREACHABLE.get(asked.device()) != Errno.EINVAL;
            must(e.mapErrno() == (mapped ? Errno.OK : Errno.EINVAL), "its map: %s", e);
            listed.addAll(e.ids());
          }
          case Effect.Reply e -> {
            replies++;
            must(
                e.errno().ok() ? e.ids().size() == e.cookies().size() : e.ids().isEmpty(), "%s", e);
            for (int i = 0; i < e.cookies().size(); i++) {
              long cookie = e.cookies().get(i);
              must(open.remove(cookie), "%d is answered, and was not asked: %s", cookie, e);
              Answer answer = new Answer(e.errno(), e.errno().ok() ? e.ids().get(i) : 0);
              boolean first = answered(asked, cookie, answer);
              if (first && answer.errno().ok()) {
                fresh.add(answer.id());
              } else if (first) {
                refused++;
              }
            }
          }
          case Effect.Note e -> {
            switch (e.event()) {
              case HistoryEvent.Attached a -> noted += a.attachments().size();
              case HistoryEvent.AttachRefused r -> noted += r.count();
              default -> throw new AssertionError(e);
            }
          }
        }
      }
      must(open.isEmpty(), "%s of %s have no answer", open, asked);
      must(listed.equals(fresh), "on the list %s, and answered %s", listed, fresh);
      must(noted == fresh.size() + refused, "%d written down of %s", noted, effects);
      tally.mixed += replies > 1 ? 1 : 0;
    }

    /** Whether that is the first answer to it. */
    private boolean answered(Event.Asked asked, long cookie, Answer answer) {
      Answer before =
          answered.putIfAbsent(
              new Cookie(asked.importer().process(), asked.buffer(), cookie), answer);
      if (before != null) {
        tally.repeated++;
        must(before.equals(answer), "%d was %s, and is %s", cookie, before, answer);
        return false;
      }
      must(answer.errno() == rules(asked), "%s, and the rules say %s", answer, rules(asked));
      if (answer.errno().ok()) {
        tally.attached++;
        must(given.add(answer.id()), "%d is given twice", answer.id());
        must((answer.id() - FIRST) % STRIDE == 0, "%d is another device's", answer.id());
        must(!forced || asked.importer().offer().revocable(), "cannot be revoked: %s", asked);
      }
      return true;
    }

    /** By the table of docs/contract.md, from top to bottom. */
    private Errno rules(Event.Asked asked) {
      ImporterOffer offer = asked.importer().offer();
      Errno pair = UNREACHABLE.get(asked.device());
      if (asked.buffer() == NOWHERE) {
        return Errno.EINVAL;
      }
      if (!asked.sameFabric()) {
        return Errno.EBUSY;
      }
      if (kind.needsPeer2peer() && !offer.peer2peer()) {
        return Errno.EOPNOTSUPP;
      }
      if (pair != null && pair != Errno.EINVAL) {
        return pair;
      }
      if (kind.attachChecksRevoked() && revoked.contains(asked.buffer())) {
        tally.revoked++;
        return Errno.ENODEV;
      }
      if (forced && !offer.revocable()) {
        tally.notRevocable++;
        return Errno.EOPNOTSUPP;
      }
      return Errno.OK;
    }
  }

  @SuppressWarnings("AnnotateFormatMethod") // a dependency for one method of a test
  private static void must(boolean holds, String what, Object... about) {
    if (!holds) {
      throw new AssertionError(String.format(what, about));
    }
  }
}
