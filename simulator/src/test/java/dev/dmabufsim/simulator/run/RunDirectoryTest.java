package dev.dmabufsim.simulator.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Where runs are kept. */
class RunDirectoryTest {
  @TempDir Path temp;

  @Test
  void runsThatStartInTheSameSecondGetDirectoriesOfTheirOwn() throws IOException {
    Path first = RunDirectory.inRuns(temp, "s").path();
    Path second = RunDirectory.inRuns(temp, "s").path();
    Path third = RunDirectory.inRuns(temp, "s").path();
    assertThat(first).isNotEqualTo(second).isDirectory();
    assertThat(second).isNotEqualTo(third).isDirectory();
    assertThat(third).isNotEqualTo(first).isDirectory();
  }

  @Test
  void latestLeadsToTheRunThatStartedLast() throws IOException {
    RunDirectory.inRuns(temp, "s");
    Path second = RunDirectory.inRuns(temp, "t").path();
    assertThat(temp.resolve("latest").toRealPath()).isEqualTo(second.toRealPath());
    assertThat(Files.readSymbolicLink(temp.resolve("latest")).isAbsolute())
        .as("so that runs can be moved")
        .isFalse();
  }

  @Test
  void aDirectoryThatTheUserNamesIsMade() throws IOException {
    assertThat(RunDirectory.named(temp.resolve("a/b")).path()).isDirectory();
  }

  @Test
  void anEmptyDirectoryCanBeNamed() throws IOException {
    assertThat(RunDirectory.named(temp).path()).isEqualTo(temp);
  }

  @Test
  void aDirectoryWithSomethingInItIsRefused() throws IOException {
    Files.createFile(temp.resolve("mine"));
    assertThatIOException()
        .isThrownBy(() -> RunDirectory.named(temp))
        .withMessage(temp + ": is not empty; name a new directory");
  }

  @Test
  void aFileIsRefused() throws IOException {
    Path file = Files.createFile(temp.resolve("mine"));
    assertThatIOException()
        .isThrownBy(() -> RunDirectory.named(file))
        .withMessage(file + ": is not a directory");
  }
}
