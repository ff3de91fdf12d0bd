package dev.dmabufsim.simulator.matrix;

import dev.dmabufsim.common.contract.Contract;

/**
 * Which cell.
 *
 * @param contract the exporter's sequence
 * @param importer the importer's kind
 * @param treatment what it does
 */
public record CellKey(Contract contract, String importer, Treatment treatment) {
  @Override
  public String toString() {
    return contract.label() + " x " + importer + " x " + treatment.label();
  }
}
