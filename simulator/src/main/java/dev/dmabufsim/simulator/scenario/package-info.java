/**
 * A scenario: what a run plays and what it must show, read from a YAML file.
 *
 * <p>The way of a file through this package: {@link
 * dev.dmabufsim.simulator.scenario.ScenarioSource} finds and decodes it, {@link
 * dev.dmabufsim.simulator.scenario.YamlReader} makes a {@link
 * dev.dmabufsim.simulator.scenario.YamlTree} of it in which every part knows its line, {@link
 * dev.dmabufsim.simulator.scenario.Overrides} applies {@code --set}, and the binders make the
 * records. The records check nothing: whatever a user can get wrong is reported while binding,
 * where the line is known, as a {@link dev.dmabufsim.simulator.scenario.ScenarioException} of one
 * line.
 */
@NullMarked
package dev.dmabufsim.simulator.scenario;

import org.jspecify.annotations.NullMarked;
