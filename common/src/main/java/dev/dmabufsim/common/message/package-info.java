/**
 * What nodes say to one another: the protocol of the contract, batched by node.
 *
 * <p>State is kept for each attachment; messages are sent for each (buffer, node) and carry the ids
 * of attachments. Delivery is at most once and in order only between one pair of actors, so
 * whatever matters is asked again until it is answered, and everything is idempotent by epoch.
 * Every message says who sent it, with the incarnation of the sender's process.
 */
@NullMarked
package dev.dmabufsim.common.message;

import org.jspecify.annotations.NullMarked;
