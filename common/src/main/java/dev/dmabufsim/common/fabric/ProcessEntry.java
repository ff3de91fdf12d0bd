package dev.dmabufsim.common.fabric;

/**
 * One entry of the process table.
 *
 * @param index its place in the table, never given to another
 * @param identity which process of this host it is
 * @param role one of the {@code ROLE_} constants
 * @param name the node's name
 */
public record ProcessEntry(int index, ProcessIdentity identity, int role, String name) {
  /** The launcher, which owns the fabric: when it is dead, its nodes have no business any more. */
  public static final int ROLE_OWNER = 1;

  /** A node of the cluster. */
  public static final int ROLE_NODE = 2;
}
