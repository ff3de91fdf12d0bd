package dev.dmabufsim.common.fabric;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.dmabufsim.common.testing.ChildProcess;
import dev.dmabufsim.common.testing.InSharedMemory;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
final class FabricSweeperTest {
  @TempDir(factory = InSharedMemory.class)
  private Path shm;

  /** Creates a fabric, says where, and holds it. */
  static final class Holder {
    public static void main(String[] args) throws Exception {
      try (Fabric fabric = Fabric.create(Path.of(args[0]), 16)) {
        fabric.createSegment(1, 4096);
        System.out.println(fabric.directory());
        ChildProcess.untilInputEnds();
      }
    }
  }

  /** Creates a fabric as a run's launcher does, and starts a node in it. */
  static final class Launcher {
    public static void main(String[] args) throws Exception {
      Fabric fabric = Fabric.create(Path.of(args[0]), 16);
      fabric.control().register(ProcessIdentity.self(), ProcessEntry.ROLE_OWNER, "launcher");
      Process node =
          new ProcessBuilder(ChildProcess.command(Node.class, fabric.directory()))
              .redirectError(ProcessBuilder.Redirect.INHERIT)
              .start();
      BufferedReader said =
          new BufferedReader(new InputStreamReader(node.getInputStream(), StandardCharsets.UTF_8));
      System.out.println(fabric.directory() + " " + said.readLine());
      ChildProcess.untilInputEnds();
    }
  }

  /** A node: uses the fabric until its launcher is gone. */
  static final class Node {
    public static void main(String[] args) throws Exception {
      Fabric fabric = Fabric.open(Path.of(args[0]));
      fabric.control().register(ProcessIdentity.self(), ProcessEntry.ROLE_NODE, "node");
      System.out.println(ProcessHandle.current().pid());
      ChildProcess.untilInputEnds();
    }
  }

  @Test
  void removesAFabricWhenItsProcessWasKilledAndNotBefore() throws Exception {
    try (ChildProcess holder = ChildProcess.jvm(Holder.class, shm)) {
      Path fabric = Path.of(holder.line());

      assertThat(FabricSweeper.sweep(shm)).isEmpty();
      assertThat(fabric.resolve("segment-1")).exists();

      holder.kill();
      assertThat(FabricSweeper.sweep(shm)).containsExactly(fabric);
      assertThat(fabric).doesNotExist();
    }
  }

  @Test
  void leavesAloneAFabricOfItsOwnProcess() throws IOException {
    try (Fabric own = Fabric.create(shm, 16)) {
      assertThat(FabricSweeper.sweep(shm)).isEmpty();
      assertThat(own.directory().resolve("control")).exists();
    }
    assertThat(FabricSweeper.sweep(shm)).as("once it is closed").hasSize(1);
    assertThat(shm).isEmptyDirectory();
  }

  @Test
  void endsAFrozenNodeWhoseLauncherIsDeadAndNoOther() throws Exception {
    try (ChildProcess launcher = ChildProcess.jvm(Launcher.class, shm)) {
      String[] said = launcher.line().split(" ", -1);
      Path fabric = Path.of(said[0]);
      int node = Integer.parseInt(said[1]);
      ProcessIdentity identity = ProcessIdentity.of(node);
      try {
        ChildProcess.signal("STOP", node);
        assertThat(FabricSweeper.sweep(shm)).as("while the launcher lives").isEmpty();
        assertThat(identity.dead()).isFalse();

        launcher.kill();
        assertThat(identity.dead()).as("frozen, it does not see its input end").isFalse();
        assertThat(FabricSweeper.sweep(shm)).containsExactly(fabric);
        assertThat(fabric).doesNotExist();
        await().atMost(Duration.ofSeconds(30)).until(identity::dead);
      } finally {
        ProcessHandle.of(node).ifPresent(ProcessHandle::destroyForcibly);
      }
    }
  }

  @Test
  void endsNoProcessThatOnlyHasThePidOfAnOrphan() throws Exception {
    Path directory;
    try (ChildProcess bystander = ChildProcess.start("sleep", "600")) {
      try (Fabric fabric = Fabric.create(shm, 16)) {
        directory = fabric.directory();
        ProcessIdentity living = ProcessIdentity.of(bystander.pid());
        // A launcher that is dead, and a node whose pid the bystander has got since.
        ControlFile control = fabric.control();
        control.register(new ProcessIdentity(living.pid(), living.start() - 2), 1, "launcher");
        control.register(new ProcessIdentity(living.pid(), living.start() - 1), 2, "node");
      }
      assertThat(FabricSweeper.sweep(shm)).containsExactly(directory);
      assertThat(bystander.alive()).isTrue();
    }
  }

  @Test
  void removesAFabricWhoseControlFileIsDamaged() throws IOException {
    Path directory;
    try (Fabric fabric = Fabric.create(shm, 16)) {
      directory = fabric.directory();
      Files.write(directory.resolve("control"), new byte[10]);
    }
    assertThat(FabricSweeper.sweep(shm)).containsExactly(directory);
  }

  @Test
  void removesAHalfMadeFabricOnlyWhenWhoMadeItIsDead() throws IOException {
    // No process has so high an id.
    Path dead = Files.createDirectory(shm.resolve(".dmabuf-sim-999999999-making-0a"));
    Files.createFile(dead.resolve("owner"));
    Files.createFile(dead.resolve("control"));
    Path unlocked = Files.createDirectory(shm.resolve(".dmabuf-sim-999999999-making-0b"));
    Path ours = Files.createDirectory(shm.resolve(FabricSweeper.stagingName("0c")));

    assertThat(FabricSweeper.sweep(shm)).containsExactlyInAnyOrder(dead, unlocked);
    assertThat(ours).exists();
  }

  @Test
  void leavesAloneWhatIsNotAFabric() throws IOException {
    List<Path> others =
        List.of(
            Files.createDirectory(shm.resolve("dmabuf")),
            Files.createDirectory(shm.resolve("x-dmabuf-sim-1")),
            Files.createFile(shm.resolve("dmabuf-sim-a-file")),
            Files.createFile(shm.resolve("sem.something")));

    assertThat(FabricSweeper.sweep(shm)).isEmpty();
    assertThat(others).allMatch(Files::exists);
  }

  /** Another run may rename or remove its own directory while this one looks around. */
  @Test
  void isNotStoppedByADirectoryThatVanishesUnderIt() throws IOException {
    // What a vanished one looks like: it is listed, and when it is looked at, there is nothing.
    Files.createSymbolicLink(
        shm.resolve(".dmabuf-sim-999999999-making-0d"), shm.resolve("nowhere"));
    Files.createSymbolicLink(shm.resolve("dmabuf-sim-0-gone"), shm.resolve("nowhere"));
    Path garbage = Files.createDirectory(shm.resolve("dmabuf-sim-1-garbage"));

    assertThat(FabricSweeper.sweep(shm)).containsExactly(garbage);
  }
}
