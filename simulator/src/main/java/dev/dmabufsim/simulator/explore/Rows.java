package dev.dmabufsim.simulator.explore;

import java.util.Arrays;

/**
 * Rows of numbers, each kept once, without an object for any of them: there are millions. A row is
 * known by the number it was given, from 0, in the order in which they came. Besides, each has
 * columns which make no difference to whether it is known.
 */
final class Rows {
  private static final int PAGE_BITS = 14;
  private static final int PAGE_ROWS = 1 << PAGE_BITS;
  private static final int LEAST_TABLE = 1 << 10;
  private static final int MOST_TABLE = 1 << 30;

  /** More bytes than there are anywhere; the sum of some such is, too. */
  private static final long TOO_MANY = Long.MAX_VALUE >>> 8;

  private final int keys;
  private final int width;
  private int[][] pages = {};
  private int size;

  /** At its hash or behind it of each row the hash, and its number plus one; 0 where is none. */
  private long[] table = new long[LEAST_TABLE];

  /** What {@link #add} has found or made. */
  private int at;

  /**
   * @param keys how many numbers make a row
   * @param columns how many more are kept with it
   */
  Rows(int keys, int columns) {
    this.keys = keys;
    this.width = keys + columns;
  }

  int size() {
    return size;
  }

  /** Whether it is a new one; {@link #at} is its number then, and if it is not. */
  boolean add(int... row) {
    int mask = table.length - 1;
    int hash = hash(row);
    int slot = hash & mask;
    while (table[slot] != 0) {
      if ((int) (table[slot] >>> Integer.SIZE) == hash) {
        at = (int) table[slot] - 1;
        if (is(at, row)) {
          return false;
        }
      }
      slot = slot + 1 & mask;
    }
    at = size++;
    table[slot] = (long) hash << Integer.SIZE | size;
    if (at >>> PAGE_BITS == pages.length) {
      pages = Arrays.copyOf(pages, pages.length + 1);
      pages[pages.length - 1] = new int[PAGE_ROWS * width];
    }
    System.arraycopy(row, 0, page(at), offset(at), keys);
    if (size > table.length / 2) {
      grow();
    }
    return true;
  }

  /** The number of the row that was looked for last. */
  int at() {
    return at;
  }

  /** How many bytes of heap it may need at once for the next rows, at most so many. */
  long nextBytes(int more) {
    if (size + (long) more <= table.length / 2) {
      return (long) more * width * Integer.BYTES;
    }
    return table.length == MOST_TABLE ? TOO_MANY : 2L * table.length * Long.BYTES;
  }

  /** Takes a row out, to look at. */
  void get(int number, int[] into) {
    System.arraycopy(page(number), offset(number), into, 0, keys);
  }

  int column(int number, int column) {
    return page(number)[offset(number) + keys + column];
  }

  void column(int number, int column, int value) {
    page(number)[offset(number) + keys + column] = value;
  }

  private int[] page(int number) {
    return pages[number >>> PAGE_BITS];
  }

  private int offset(int number) {
    return (number & PAGE_ROWS - 1) * width;
  }

  private boolean is(int number, int[] row) {
    int from = offset(number);
    return Arrays.equals(page(number), from, from + keys, row, 0, keys);
  }

  private void grow() {
    if (table.length == MOST_TABLE) {
      throw new IllegalStateException("more than " + size + " rows");
    }
    long[] next = new long[table.length * 2];
    int mask = next.length - 1;
    for (long entry : table) {
      if (entry != 0) {
        int slot = (int) (entry >>> Integer.SIZE) & mask;
        while (next[slot] != 0) {
          slot = slot + 1 & mask;
        }
        next[slot] = entry;
      }
    }
    table = next;
  }

  /** Numbers are small and close to each other: every bit of them is to count. */
  private int hash(int[] row) {
    long hash = 0;
    for (int i = 0; i < keys; i++) {
      hash = (hash ^ row[i]) * 0x9e3779b97f4a7c15L;
      hash ^= hash >>> 32;
    }
    return (int) hash;
  }
}
