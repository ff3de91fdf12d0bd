package dev.dmabufsim.simulator.it;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.simulator.report.Report;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** A run is not alone on its host. */
class NeighboursIT {
  private static final Pattern LISTENING =
      Pattern.compile("listening on address \\[akka://dmabuf-sim@127\\.0\\.0\\.1:([0-9]+)]");

  private static final int LIMIT_MILLIS = 60_000;

  /** Some hundred lines. */
  private static final long LOG_BYTES = 1 << 20;

  @RegisterExtension final Sandbox sandbox = new Sandbox();

  @Test
  void twoRunsAtOnceBothPassAndNeitherTakesAnythingOfTheOther() throws IOException {
    String scenario = sandbox.scenario("small.yaml");
    Simulator one = sandbox.start("run", scenario, "--seed", "1");
    Simulator two = sandbox.start("run", scenario, "--seed", "2");
    for (Simulator run : List.of(one, two)) {
      assertThat(run.awaitExit()).as("%s", run).isZero();
      assertThat(run.report().verdict()).isEqualTo("pass");
      assertThat(run.report().attachments()).isEqualTo(new Report.Attachments(12, 0, 0));
      run.assertNothingLeft();
    }
    assertThat(one.runDirectory()).isNotEqualTo(two.runDirectory());
    assertThat(one.report().seed()).isEqualTo(1);
    assertThat(two.report().seed()).isEqualTo(2);
  }

  @Test
  void whateverIsSentToAPortOfTheClusterChangesNoVerdict() throws IOException {
    Simulator run =
        sandbox.start(
            "run",
            sandbox.scenario("small.yaml"),
            "--set",
            "revokes.rounds=10",
            "--set",
            "revokes.every=200ms");
    run.awaitOutput("attachments live");
    List<Socket> open = new ArrayList<>();
    try {
      for (String node : List.of("iommu-1", "exporter-1", "importer-1")) {
        int port = port(run, node);
        for (byte[] garbage : garbage()) {
          open.add(send(port, garbage));
        }
      }
      assertThat(run.alive()).as("sent while it ran: %s", run).isTrue();
      assertThat(run.awaitExit()).as("%s", run).isZero();
      assertThat(run.report().verdict()).isEqualTo("pass");
      assertThat(run.report().revokes().outcomes()).isEqualTo(new Report.Outcomes(40, 0, 0, 0, 0));
      run.assertNothingLeft();
      for (String node : List.of("iommu-1", "exporter-1", "importer-1")) {
        assertThat(run.runDirectory().resolve(node + ".log"))
            .as("a storm of one message is cut short")
            .satisfies(log -> assertThat(Files.size(log)).isLessThan(LOG_BYTES));
      }
    } finally {
      for (Socket socket : open) {
        socket.close();
      }
    }
  }

  private static int port(Simulator run, String node) throws IOException {
    Path log = run.runDirectory().resolve(node + ".log");
    Matcher matcher = LISTENING.matcher(Files.readString(log));
    assertThat(matcher.find()).as("a port in %s", log).isTrue();
    return Integer.parseInt(matcher.group(1));
  }

  private static List<byte[]> garbage() {
    byte[] noise = new byte[100_000];
    new Random(7).nextBytes(noise);
    return List.of(
        new byte[0],
        "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes(StandardCharsets.US_ASCII),
        noise,
        // Begins as Akka's own connections do, of each of the three kinds, and then does not go on.
        artery(1, 12, new byte[12]),
        artery(2, 12, new byte[12]),
        artery(3, 12, new byte[12]),
        artery(2, 4000, noise),
        artery(2, Integer.MAX_VALUE, noise),
        artery(2, -1, noise));
  }

  /** Artery's connection header, and a frame that claims to be of that length. */
  private static byte[] artery(int stream, int length, byte[] frame) {
    return ByteBuffer.allocate(4 + 1 + 4 + frame.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .put("AKKA".getBytes(StandardCharsets.US_ASCII))
        .put((byte) stream)
        .putInt(length)
        .put(frame)
        .array();
  }

  /** Sends it, as far as it is taken, and leaves the connection open, as a stuck sender does. */
  private static Socket send(int port, byte[] bytes) throws IOException {
    Socket socket = new Socket();
    socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), LIMIT_MILLIS);
    try {
      OutputStream out = socket.getOutputStream();
      out.write(bytes);
      out.flush();
    } catch (IOException e) {
      // It hung up before it had read all of it, as well it may.
      return socket;
    }
    return socket;
  }
}
