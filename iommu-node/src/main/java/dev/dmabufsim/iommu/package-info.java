/**
 * The IOMMU of a host: gives devices slots, takes their permission away, drains what is in flight,
 * and closes what a dead process left open.
 */
@NullMarked
package dev.dmabufsim.iommu;

import org.jspecify.annotations.NullMarked;
