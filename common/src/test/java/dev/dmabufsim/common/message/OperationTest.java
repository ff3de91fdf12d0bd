package dev.dmabufsim.common.message;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.message.IommuMessage.SlotUse;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class OperationTest {
  /** The column "resv lock" of the contract's table; iommufd's map is a map in this. */
  @Test
  void theseAreCalledWithTheReservationLockHeldAndNoOthers() {
    assertThat(Arrays.stream(Operation.values()).filter(Operation::locked))
        .containsExactlyInAnyOrder(
            Operation.PIN,
            Operation.UNPIN,
            Operation.MAP,
            Operation.UNMAP,
            Operation.IOMMUFD_MAP,
            Operation.VMAP,
            Operation.VUNMAP);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 65_535})
  void anAddressLeadsToItsSlotFromItsFirstByteToItsLast(int slot) {
    long iova = SgTable.iovaOf(slot);

    assertThat(SgTable.slotOf(iova)).isEqualTo(slot);
    assertThat(SgTable.slotOf(iova + 0xffff_ffffL)).isEqualTo(slot);
    assertThat(SgTable.slotOf(iova - 1)).isEqualTo(slot - 1);
  }

  @Test
  void aMovedContentIsMappedUnderItsOwnGenerationAndTheMemorysStays() {
    SgTable table = new SgTable(1, SgTable.iovaOf(2), 4096, 2, 70, 9, 9, true, SlotUse.ATS);

    assertThat(table.content(4))
        .isEqualTo(new SgTable(1, SgTable.iovaOf(2), 4096, 2, 70, 9, 4, true, SlotUse.ATS));
  }
}
