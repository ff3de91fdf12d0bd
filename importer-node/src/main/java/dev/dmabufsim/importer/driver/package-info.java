/**
 * The importers of the kernel that every run knows, each a driver as a user would write one: see
 * {@link dev.dmabufsim.common.driver.ImporterDriver}. How each may break the contract is no part of
 * it; that is {@link dev.dmabufsim.importer.Misbehaviour}, for all of them alike.
 */
@NullMarked
package dev.dmabufsim.importer.driver;

import org.jspecify.annotations.NullMarked;
