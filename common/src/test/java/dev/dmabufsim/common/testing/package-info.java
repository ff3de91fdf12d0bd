/** What the tests of this module share: other processes, and directories in shared memory. */
@NullMarked
package dev.dmabufsim.common.testing;

import org.jspecify.annotations.NullMarked;
