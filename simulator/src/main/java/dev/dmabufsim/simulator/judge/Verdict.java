package dev.dmabufsim.simulator.judge;

import java.util.Locale;

/** What a run shows. */
public enum Verdict {
  /** Every invariant held, and enough happened to say so. */
  PASS(0),
  /** An invariant or a threshold was broken. */
  FAIL(1),
  /** The cluster did not form, or too little happened to judge. */
  UNKNOWN(3);

  private final int exitStatus;

  Verdict(int exitStatus) {
    this.exitStatus = exitStatus;
  }

  /** The exit status of a run with this verdict; 2 is bad input, which is no run. */
  public int exitStatus() {
    return exitStatus;
  }

  /** The name in reports. */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }
}
