/**
 * Fences and the object that holds them: {@code struct dma_fence} and {@code struct dma_resv} of
 * the kernel ({@code drivers/dma-buf/dma-fence.c}, {@code dma-resv.c}), as immutable values. The
 * lock of the real {@code dma_resv} is the mailbox of the buffer's actor.
 */
@NullMarked
package dev.dmabufsim.common.fence;

import org.jspecify.annotations.NullMarked;
