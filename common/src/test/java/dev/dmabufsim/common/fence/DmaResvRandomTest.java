package dev.dmabufsim.common.fence;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.FenceUsage;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

/**
 * Any adds, signals and removals, against a list that forgets nothing: what a wait waits for must
 * be the same, as long as the fences of a context signal in their order, which is what a context
 * is.
 */
final class DmaResvRandomTest {
  private static final int CONTEXTS = 5;
  private static final List<FenceUsage> USAGES = List.of(FenceUsage.values());

  /** Every fence that was ever added, and for what. */
  private static final class Everything {
    private record Added(long context, long seqno, FenceUsage usage) {}

    private final List<Added> added = new ArrayList<>();
    private final long[] signalled = new long[CONTEXTS];

    void add(long context, long seqno, FenceUsage usage) {
      added.add(new Added(context, seqno, usage));
    }

    /** The fences before it on its time line have signalled too then. */
    void signal(int context, long seqno) {
      signalled[context] = Math.max(signalled[context], seqno);
    }

    void remove(long context) {
      added.removeIf(a -> a.context() == context);
    }

    boolean pending(Added a) {
      return a.seqno() > signalled[(int) a.context()];
    }

    boolean signaled(FenceUsage usage) {
      return added.stream().noneMatch(a -> pending(a) && usage.waitsFor(a.usage()));
    }

    /** The contexts for which a wait for that usage has to wait, and until which fence of each. */
    Set<DmaFence> last(FenceUsage usage) {
      Set<DmaFence> last = new HashSet<>();
      for (int context = 0; context < CONTEXTS; context++) {
        long ofThis = context;
        added.stream()
            .filter(a -> a.context() == ofThis && pending(a) && usage.waitsFor(a.usage()))
            .mapToLong(Added::seqno)
            .max()
            .ifPresent(seqno -> last.add(DmaFence.pending(ofThis, seqno)));
      }
      return last;
    }
  }

  private static Set<DmaFence> last(DmaResv resv, FenceUsage usage) {
    Set<DmaFence> last = new HashSet<>();
    for (DmaFence fence : resv.pending(usage)) {
      if (last.stream().noneMatch(f -> f.laterOrSame(fence))) {
        last.removeIf(fence::laterOrSame);
        last.add(fence);
      }
    }
    return last;
  }

  @Test
  void waitsForJustWhatAListOfEverythingWouldWaitFor() {
    int waits = 0;
    for (int seed = 0; seed < 500; seed++) {
      Random random = new Random(seed);
      DmaResv resv = DmaResv.empty();
      Everything model = new Everything();
      for (int i = 0; i < 100; i++) {
        int context = random.nextInt(CONTEXTS);
        int what = random.nextInt(100);
        if (what < 60) {
          // Never one that its time line has passed: a fence that is there has not signalled.
          long seqno = model.signalled[context] + 1 + random.nextInt(4);
          FenceUsage usage = USAGES.get(random.nextInt(USAGES.size()));
          resv = resv.add(DmaFence.pending(context, seqno), usage);
          model.add(context, seqno, usage);
        } else if (what < 95) {
          // Mostly the first of those that are there, and some that are not, or not any more.
          long seqno = model.signalled[context] + random.nextInt(3) - 1;
          for (long s = model.signalled[context]; s <= seqno; s++) {
            resv = resv.signal(context, s, random.nextBoolean() ? Errno.OK : Errno.ENODEV);
          }
          resv = resv.signal(context, Math.min(seqno, model.signalled[context]), Errno.OK);
          model.signal(context, seqno);
        } else {
          resv = resv.without(c -> c == context);
          model.remove(context);
        }
        for (FenceUsage usage : FenceUsage.values()) {
          String where = "seed " + seed + ", step " + i + ", " + usage;
          assertThat(resv.signaled(usage)).as(where).isEqualTo(model.signaled(usage));
          assertThat(last(resv, usage)).as(where).isEqualTo(model.last(usage));
          assertThat(resv.counts().waitedFor(usage))
              .as(where)
              .isEqualTo(resv.pending(usage).size());
          waits += resv.signaled(usage) ? 0 : 1;
        }
        assertThat(resv.waiting().values()).as("for each usage one").allMatch(f -> f.size() <= 4);
      }
    }
    assertThat(waits).as("states in which something is waited for").isGreaterThan(10_000);
  }

  /** Some thousand fences on one buffer, as a matrix of importers has them, take no time. */
  @Test
  void isNotQuadraticInItsFences() {
    int fences = 50_000;
    DmaResv resv = DmaResv.empty();
    for (int i = 0; i < fences; i++) {
      resv = resv.add(DmaFence.pending(DmaResv.context(i, 0), 1), FenceUsage.BOOKKEEP);
    }
    assertThat(resv.pending(FenceUsage.BOOKKEEP)).hasSize(fences);
    for (int i = 0; i < fences; i++) {
      assertThat(resv.signaled(FenceUsage.BOOKKEEP)).isFalse();
      resv = resv.signal(DmaResv.context(i, 0), 1, Errno.OK);
    }
    assertThat(resv.signaled(FenceUsage.BOOKKEEP)).isTrue();
    for (int i = 0; i < fences; i++) {
      resv = resv.add(DmaFence.pending(DmaResv.context(i, 0), 2), FenceUsage.BOOKKEEP);
    }
    assertThat(resv.fences(FenceUsage.BOOKKEEP)).hasSize(fences);
  }
}
