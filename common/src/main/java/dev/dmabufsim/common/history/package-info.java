/**
 * What a node did, written down so that a kill loses nothing which happened before it. The judge
 * reads nothing else, but for what devices count in shared memory.
 */
@NullMarked
package dev.dmabufsim.common.history;

import org.jspecify.annotations.NullMarked;
