/** What a run leaves behind for people and programs: the report, the summary. */
@NullMarked
package dev.dmabufsim.simulator.report;

import org.jspecify.annotations.NullMarked;
