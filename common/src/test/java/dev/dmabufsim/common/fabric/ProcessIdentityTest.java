package dev.dmabufsim.common.fabric;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.dmabufsim.common.testing.ChildProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
final class ProcessIdentityTest {
  private static final Duration LIMIT = Duration.ofSeconds(30);

  @Test
  void aProcessThatLivesIsNotDead() throws Exception {
    assertThat(ProcessIdentity.self().dead()).isFalse();
    try (ChildProcess child = ChildProcess.start("sleep", "600")) {
      assertThat(ProcessIdentity.of(child.pid()).dead()).isFalse();
    }
  }

  @Test
  void aFrozenProcessIsNotDead() throws Exception {
    try (ChildProcess child = ChildProcess.start("sleep", "600")) {
      ProcessIdentity identity = ProcessIdentity.of(child.pid());
      ChildProcess.signal("STOP", child.pid());
      await().atMost(LIMIT).until(() -> state(child.pid()) == 'T');

      assertThat(identity.dead()).isFalse();
    }
  }

  @Test
  void aKilledProcessIsDeadOnceItIsReaped() throws Exception {
    try (ChildProcess child = ChildProcess.start("sleep", "600")) {
      ProcessIdentity identity = ProcessIdentity.of(child.pid());
      child.kill();

      assertThat(identity.dead()).isTrue();
    }
  }

  @Test
  void aKilledProcessIsDeadThoughNobodyReapsIt() throws Exception {
    // The shell becomes a program that never waits for its child.
    try (ChildProcess parent =
        ChildProcess.start("sh", "-c", "sleep 600 & echo $!; exec sleep 601")) {
      int pid = Integer.parseInt(parent.line());
      ProcessIdentity identity = ProcessIdentity.of(pid);
      assertThat(identity.dead()).isFalse();

      ChildProcess.signal("KILL", pid);

      await().atMost(LIMIT).until(() -> state(pid) == 'Z');
      assertThat(identity.dead()).isTrue();
    }
  }

  @Test
  void aProcessIsNotDeadWhileAThreadOfItOutlivesItsLeader() throws Exception {
    assumeTrue(
        ChildProcess.start("sh", "-c", "command -v python3 || echo none").line().contains("python"),
        "ending the first thread of a process alone takes python3");
    String threads =
        """
        import ctypes, platform, threading, time
        threading.Thread(target=time.sleep, args=(600,)).start()
        print("started", flush=True)
        exit_of_one_thread = 93 if platform.machine() == "aarch64" else 60
        ctypes.CDLL(None).syscall(ctypes.c_long(exit_of_one_thread), ctypes.c_long(0))
        """;
    try (ChildProcess child = ChildProcess.start("python3", "-c", threads)) {
      child.line();
      int pid = child.pid();
      await().atMost(LIMIT).until(() -> state(pid) == 'Z');

      assertThat(ProcessIdentity.of(pid).dead()).isFalse();
    }
  }

  @Test
  void aPidThatNowBelongsToAnotherProcessStandsForADeadOne() throws Exception {
    try (ChildProcess child = ChildProcess.start("sleep", "600")) {
      ProcessIdentity now = ProcessIdentity.of(child.pid());

      assertThat(new ProcessIdentity(now.pid(), now.start() - 1).dead()).isTrue();
      assertThat(new ProcessIdentity(now.pid(), now.start() + 1).dead()).isTrue();
    }
  }

  @Test
  void aPidOfNobodyNamesNoProcess() throws Exception {
    ChildProcess child = ChildProcess.start("true");
    child.kill();

    assertThatIllegalArgumentException().isThrownBy(() -> ProcessIdentity.of(child.pid()));
    assertThat(new ProcessIdentity(child.pid(), 0).dead()).isTrue();
  }

  @Test
  void aProcessIsKnownByItsStartWhateverItsName(@TempDir Path directory) throws Exception {
    // Field 2 of /proc/PID/stat is the name, in parentheses that nothing escapes.
    Path odd = directory.resolve("a) Z 1 (b");
    Files.copy(Path.of("/bin/sleep").toRealPath(), odd);
    try (ChildProcess child = ChildProcess.start(odd.toString(), "600");
        ChildProcess plain = ChildProcess.start("sleep", "600")) {
      await().atMost(LIMIT).until(() -> stat(child.pid()).contains("(a) Z 1 (b)"));
      ProcessIdentity identity = ProcessIdentity.of(child.pid());

      assertThat(identity.dead()).isFalse();
      assertThat(identity.start())
          .isBetween(
              ProcessIdentity.self().start(),
              ProcessIdentity.of(plain.pid()).start() + Duration.ofSeconds(60).toMillis() / 10);
    }
  }

  private static String stat(int pid) throws IOException {
    return Files.readString(Path.of("/proc", String.valueOf(pid), "stat"));
  }

  private static char state(int pid) throws IOException {
    String stat = stat(pid);
    return stat.charAt(stat.lastIndexOf(')') + 2);
  }
}
