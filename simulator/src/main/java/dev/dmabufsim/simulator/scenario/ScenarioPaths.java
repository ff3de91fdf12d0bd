package dev.dmabufsim.simulator.scenario;

import java.nio.file.Path;

/**
 * What relative paths are relative to.
 *
 * @param scenarioDirectory for those within a scenario, so that a scenario and its machine can be
 *     moved together
 * @param workingDirectory for those in a {@code --set} argument
 */
record ScenarioPaths(Path scenarioDirectory, Path workingDirectory) {
  /** The absolute path that is meant by what was written there. */
  Path resolve(String text, Origin at) {
    Path base = at.line() == 0 ? workingDirectory : scenarioDirectory;
    return base.resolve(text).toAbsolutePath().normalize();
  }
}
