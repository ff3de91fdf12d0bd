package dev.dmabufsim.simulator.explore;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class RowsTest {
  @Test
  void keepsEachRowOnceAndKnowsItByItsNumber() {
    Rows rows = new Rows(3, 1);
    Map<List<Integer>, Integer> known = new HashMap<>();
    Map<Integer, Integer> columns = new HashMap<>();
    SplittableRandom random = new SplittableRandom(7);
    // More rows than fit the first table and the first page, and many that come again.
    for (int i = 0; i < 200_000; i++) {
      int[] row = {random.nextInt(60), random.nextInt(60), random.nextInt(-10, 10)};
      List<Integer> key = List.of(row[0], row[1], row[2]);
      Integer before = known.get(key);
      assertThat(rows.add(row)).isEqualTo(before == null);
      int at = rows.at();
      if (before == null) {
        assertThat(at).isEqualTo(known.size());
        known.put(key, at);
        rows.column(at, 0, i);
        columns.put(at, i);
      } else {
        assertThat(at).isEqualTo(before);
      }
    }
    assertThat(rows.size()).isEqualTo(known.size()).isGreaterThan(1 << 14);
    int[] row = new int[3];
    known.forEach((key, at) -> {
      rows.get(at, row);
      assertThat(List.of(row[0], row[1], row[2])).isEqualTo(key);
      assertThat(rows.column(at, 0)).isEqualTo(columns.get(at));
    });
  }

  @Test
  void saysWhatItNeedsBeforeItGrows() {
    Rows rows = new Rows(2, 0);
    long few = rows.nextBytes(10);
    assertThat(few).isEqualTo(10 * 2 * Integer.BYTES);
    // It grows when it is half full, to twice as much, and needs both at once.
    long growth = rows.nextBytes(1000);
    assertThat(growth).isGreaterThan(1000 * 2 * Integer.BYTES);
    for (int i = 0; i < 505; i++) {
      rows.add(i, i);
    }
    assertThat(rows.nextBytes(5)).isLessThan(growth);
    assertThat(rows.nextBytes(10)).isEqualTo(growth);
    for (int i = 505; i < 520; i++) {
      rows.add(i, i);
    }
    assertThat(rows.nextBytes(10)).isEqualTo(few);
  }

  @Test
  void aColumnMakesNoDifferenceToWhatIsKnown() {
    Rows rows = new Rows(1, 2);
    rows.add(5);
    rows.column(rows.at(), 0, 1);
    rows.column(rows.at(), 1, 2);
    assertThat(rows.add(5)).isFalse();
    assertThat(rows.column(0, 0)).isEqualTo(1);
    assertThat(rows.column(0, 1)).isEqualTo(2);
  }
}
