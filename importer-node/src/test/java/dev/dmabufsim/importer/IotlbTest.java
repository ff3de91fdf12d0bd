package dev.dmabufsim.importer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.fabric.SegmentMemory;
import dev.dmabufsim.common.message.SgTable;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class IotlbTest {
  private static final long LENGTH = 4096;
  private static final SegmentMemory NO_MEMORY =
      new SegmentMemory(MemorySegment.NULL, MemorySegment.NULL);

  private final Iotlb iotlb = new Iotlb();

  private static Translation translation(int slot, int attachment) {
    return new Translation(attachment, SgTable.iovaOf(slot), LENGTH, 0, 0, 1, 1, true, NO_MEMORY);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 63, 64, 65, 1_000, 65_535})
  void findsWhatWasCachedFromItsFirstByteToItsLast(int slot) {
    Translation t = translation(slot, 1);
    iotlb.insert(t);

    assertThat(iotlb.lookup(t.iova())).isSameAs(t);
    assertThat(iotlb.lookup(t.iova() + LENGTH - 1)).isSameAs(t);
    assertThat(iotlb.lookup(t.iova() + LENGTH)).isNull();
    assertThat(iotlb.lookup(t.iova() - 1)).isNull();
    assertThat(iotlb.lookup(SgTable.iovaOf(slot + 1))).isNull();
  }

  @ParameterizedTest
  @ValueSource(longs = {0, -1, 1, Long.MIN_VALUE, Long.MAX_VALUE, 0xffff_ffffL})
  void missesAnAddressOfNoSlot(long iova) {
    iotlb.insert(translation(0, 1));

    assertThat(iotlb.lookup(iova)).isNull();
  }

  @Test
  void forgetsWhatIsFlushedButNotWhatHasTakenItsPlace() {
    Translation old = translation(3, 1);
    Translation newer = translation(3, 2);
    iotlb.insert(old);
    iotlb.insert(newer);

    iotlb.flush(old);
    assertThat(iotlb.lookup(newer.iova())).isSameAs(newer);

    iotlb.flush(newer);
    assertThat(iotlb.lookup(newer.iova())).isNull();
    iotlb.flush(translation(9_999, 1));
  }
}
