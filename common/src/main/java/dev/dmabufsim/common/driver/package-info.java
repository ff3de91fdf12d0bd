/**
 * How an importer's driver is written, whoever writes it: what it offers at attach ({@link
 * dev.dmabufsim.common.driver.ImporterOffer}) and what it and its hardware do when told to
 * invalidate ({@link dev.dmabufsim.common.driver.Reaction}).
 *
 * <p>A driver is a class ({@link dev.dmabufsim.common.driver.ImporterDriver}, found by {@link
 * java.util.ServiceLoader}) or a description in a scenario ({@link
 * dev.dmabufsim.common.driver.DescribedImporter}). The built-in ones are classes of the same kind.
 */
@NullMarked
package dev.dmabufsim.common.driver;

import org.jspecify.annotations.NullMarked;
