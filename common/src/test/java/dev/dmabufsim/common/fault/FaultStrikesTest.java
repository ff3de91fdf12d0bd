package dev.dmabufsim.common.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.dmabufsim.common.fabric.ControlDescriptor;
import dev.dmabufsim.common.fabric.ControlFile;
import dev.dmabufsim.common.fabric.Fabric;
import dev.dmabufsim.common.fabric.Guard;
import dev.dmabufsim.common.fabric.SlotMapping;
import dev.dmabufsim.common.testing.ChildProcess;
import dev.dmabufsim.common.testing.InSharedMemory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A process that a fault strikes within the guard of a DMA, seen from outside. */
final class FaultStrikesTest {
  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final long GRANT =
      ControlDescriptor.grant(5, ControlDescriptor.PERMISSION_READ_WRITE);

  /** Takes part in two rounds of revokes, with a DMA in each. */
  static final class Device {
    private Device() {}

    public static void main(String[] args) throws IOException {
      FaultTrap.witness(trap -> System.out.println("at " + trap.text()));
      try (Fabric fabric = Fabric.open(Path.of(args[0]))) {
        Guard guard = fabric.guard();
        long slot = fabric.control().slotAt(0);
        for (int round = 1; round <= 2; round++) {
          FaultTrap.revoke(round);
          // Of the same round, of another buffer.
          FaultTrap.revoke(round);
          if (guard.enter(slot, GRANT)) {
            guard.leave(slot);
            System.out.println("dma " + round);
          }
        }
        ChildProcess.untilInputEnds();
      }
    }
  }

  @TempDir(factory = InSharedMemory.class)
  private Path shm;

  private Fabric fabric;
  private ControlFile control;

  @BeforeEach
  void create() throws IOException {
    fabric = Fabric.create(shm, 4);
    control = fabric.control();
    control.openSlot(0, new SlotMapping(1, 1, 1, 0, 0, 5, 0, 64, 0), 1);
  }

  @AfterEach
  void close() throws IOException {
    fabric.close();
  }

  private ChildProcess device(String... flags) throws IOException {
    List<String> command = new ArrayList<>(ChildProcess.command(Device.class, fabric.directory()));
    command.addAll(1, List.of(flags));
    return ChildProcess.start(command.toArray(String[]::new));
  }

  private static char state(ChildProcess process) throws IOException {
    String stat = Files.readString(Path.of("/proc/" + process.pid() + "/stat"));
    return stat.charAt(stat.lastIndexOf(')') + 2);
  }

  @Test
  void aProcessIsKilledExactlyAtThePointOfThatRound() throws IOException {
    try (ChildProcess device =
        device("-D" + FaultTrap.PROPERTY + "=importer.guard-published@2=KILL")) {
      assertThat(device.line()).isEqualTo("dma 1");
      assertThat(device.line()).isEqualTo("at importer.guard-published@2=KILL");
      await().atMost(LIMIT).until(() -> !device.alive());
      assertThat(control.inFlight(0)).as("it died with its mark up").isTrue();
    }
  }

  @Test
  void aProcessIsFrozenAtThePointUntilSomebodyHasItGoOn() throws Exception {
    try (ChildProcess device =
        device("-D" + FaultTrap.PROPERTY + "=importer.guard-published@1=STOP")) {
      assertThat(device.line()).isEqualTo("at importer.guard-published@1=STOP");
      await().atMost(LIMIT).until(() -> state(device) == 'T');
      assertThat(control.inFlight(0)).isTrue();
      control.setPermission(0, ControlDescriptor.PERMISSION_BLOCKED);
      control.barrier();

      Signals.resume(device.pid());

      await().atMost(LIMIT).until(() -> !control.inFlight(0));
      assertThat(device.alive()).isTrue();
    }
  }

  @Test
  void withoutAFaultNothingHappens() throws IOException {
    try (ChildProcess device = device()) {
      assertThat(device.line()).isEqualTo("dma 1");
      assertThat(device.line()).isEqualTo("dma 2");
      assertThat(control.inFlight(0)).isFalse();
    }
  }
}
