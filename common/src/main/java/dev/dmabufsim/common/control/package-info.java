/**
 * How an experiment drives its nodes. It goes over each node's standard input and output and not
 * through the cluster, so that no fault of the cluster's network reaches it.
 */
@NullMarked
package dev.dmabufsim.common.control;

import org.jspecify.annotations.NullMarked;
