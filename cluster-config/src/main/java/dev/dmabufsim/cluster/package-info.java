/** How nodes form an Akka cluster. What each setting is for stands in {@code cluster.conf}. */
@NullMarked
package dev.dmabufsim.cluster;

import org.jspecify.annotations.NullMarked;
