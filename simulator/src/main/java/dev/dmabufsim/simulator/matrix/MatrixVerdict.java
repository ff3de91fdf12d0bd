package dev.dmabufsim.simulator.matrix;

import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.simulator.judge.Verdict;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * What a matrix shows as a whole.
 *
 * @param verdict pass, if {@code enforced} holds in every cell and bounded, and every claim about
 *     the other sequences came true; unknown, if nothing speaks against it but a cell says nothing
 * @param reasons what speaks against it, a line for each cell
 * @param claimsChecked how many cells there is a claim about
 */
public record MatrixVerdict(Verdict verdict, List<String> reasons, int claimsChecked) {
  /** Takes a copy. */
  public MatrixVerdict {
    reasons = List.copyOf(reasons);
  }

  /**
   * Judges.
   *
   * @param bound of every revoke under {@code enforced}
   */
  public static MatrixVerdict of(List<Cell> cells, List<Claims.Claim> claims, Duration bound) {
    List<String> against = new ArrayList<>();
    List<String> open = new ArrayList<>();
    int checked = 0;
    for (Cell cell : cells) {
      if (cell.verdict() == CellVerdict.UNKNOWN) {
        open.add(cell.key() + " is unknown: " + cell.why());
        continue;
      }
      if (cell.key().contract() == Contract.ENFORCED) {
        enforced(cell, bound, against);
      }
      for (Claims.Claim claim : claims) {
        if (claim.concerns(cell.key())) {
          checked++;
          if (cell.verdict() != claim.expected()) {
            against.add(
                "%s is %s, and was said to be %s: %s"
                    .formatted(
                        cell.key(),
                        cell.verdict().label(),
                        claim.expected().label(),
                        claim.because()));
          }
        }
      }
    }
    List<String> reasons = new ArrayList<>(against);
    reasons.addAll(open);
    Verdict verdict =
        !against.isEmpty() ? Verdict.FAIL : open.isEmpty() ? Verdict.PASS : Verdict.UNKNOWN;
    return new MatrixVerdict(verdict, reasons, checked);
  }

  private static void enforced(Cell cell, Duration bound, List<String> against) {
    boolean held =
        switch (cell.verdict()) {
          case SAFE, CONTAINED, REFUSED -> true;
          case UNSAFE, HANGS, UNKNOWN -> false;
        };
    if (!held) {
      against.add(cell.key() + " is " + cell.verdict().label() + ": " + cell.why());
    } else if (cell.worstMicros() > bound.toNanos() / 1000) {
      against.add(
          "%s took %d us, more than the bound of %d us"
              .formatted(cell.key(), cell.worstMicros(), bound.toNanos() / 1000));
    }
  }
}
