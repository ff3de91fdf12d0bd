package dev.dmabufsim.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.typed.javadsl.Adapter;
import akka.serialization.Serialization;
import akka.serialization.SerializationExtension;
import akka.serialization.Serializer;
import akka.serialization.SerializerWithStringManifest;
import akka.serialization.jackson.JacksonCborSerializer;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.cbor.databind.CBORMapper;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import dev.dmabufsim.common.message.ExporterMessage;
import dev.dmabufsim.common.message.ImporterMessage;
import dev.dmabufsim.common.message.IommuMessage;
import dev.dmabufsim.common.message.Wire;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every message crosses as the nodes' own configuration has it, {@code cluster.conf}. */
final class MessageSerializationTest {
  /** What {@code cluster.conf} allows a batch to hold, and a frame to be. */
  private static final int LARGE_BATCH = 1_000;

  private static final ObjectMapper CBOR = new CBORMapper();

  private static ActorTestKit kit;
  private static int frameBytesMax;

  @BeforeAll
  static void start() {
    // No seeds: a node alone, which forms no cluster and waits for none.
    Config config =
        ConfigFactory.parseString("akka.coordinated-shutdown.exit-jvm = off")
            .withFallback(
                ClusterNode.config(Role.EXPORTER, new NodeAddress("127.0.0.1", 0), List.of()));
    frameBytesMax =
        Math.toIntExact(config.getBytes("akka.remote.artery.advanced.maximum-frame-size"));
    kit = ActorTestKit.create(NodeAddress.SYSTEM, config);
  }

  @AfterAll
  static void stop() {
    kit.shutdownTestKit();
  }

  static Stream<Class<?>> messages() {
    return Stream.of(ExporterMessage.class, ImporterMessage.class, IommuMessage.class)
        .flatMap(protocol -> Arrays.stream(protocol.getPermittedSubclasses()));
  }

  @ParameterizedTest
  @MethodSource("messages")
  void everyMessageArrivesAsItWasSent(Class<? extends Wire> kind) throws Exception {
    for (int batch : new int[] {0, 1, 3}) {
      Wire message = new MessageSamples(kit, batch).of(kind);

      kit.serializationTestKit().verifySerialization(message, true);
    }
  }

  @ParameterizedTest
  @MethodSource("messages")
  void everyMessageIsBoundToJacksonsCbor(Class<? extends Wire> kind) throws Exception {
    assertThat(serialization().findSerializerFor(new MessageSamples(kit, 1).of(kind)))
        .isInstanceOf(JacksonCborSerializer.class);
  }

  @ParameterizedTest
  @MethodSource("messages")
  void everyMessageFitsIntoAFrameWithAThousandAttachments(Class<? extends Wire> kind)
      throws Exception {
    assertThat(bytes(new MessageSamples(kit, LARGE_BATCH).of(kind)))
        .hasSizeLessThan(frameBytesMax / 2);
  }

  @ParameterizedTest
  @MethodSource("messages")
  void aMessageOfANewerNodeIsReadThoughItHasOneFieldMore(Class<? extends Wire> kind)
      throws Exception {
    Wire message = new MessageSamples(kit, 1).of(kind);
    ObjectNode tree = (ObjectNode) CBOR.readTree(bytes(message));
    tree.put("fieldOfANewerNode", 1);

    assertThat(read(message, CBOR.writeValueAsBytes(tree))).isEqualTo(message);
  }

  @ParameterizedTest
  @MethodSource("messages")
  void aMessageWithoutOneOfItsNumbersIsRefused(Class<? extends Wire> kind) throws Exception {
    Wire message = new MessageSamples(kit, 1).of(kind);
    JsonNode whole = CBOR.readTree(bytes(message));
    List<String> fields = new ArrayList<>();
    numbers(whole, "", fields);
    assertThat(fields).as("every message says at least who sent it").contains("/from/process");

    for (String field : fields) {
      JsonNode less = whole.deepCopy();
      int slash = field.lastIndexOf('/');
      ((ObjectNode) less.at(field.substring(0, slash))).remove(field.substring(slash + 1));
      assertThatThrownBy(() -> read(message, CBOR.writeValueAsBytes(less))).as(field).isNotNull();
    }
  }

  /** The paths of all numbers and flags that are fields. */
  private static void numbers(JsonNode node, String path, List<String> found) {
    if (node.isObject()) {
      node.properties().forEach(f -> numbers(f.getValue(), path + "/" + f.getKey(), found));
    } else if (node.isArray()) {
      if (!node.isEmpty() && node.get(0).isObject()) {
        numbers(node.get(0), path + "/0", found);
      }
    } else if (node.isNumber() || node.isBoolean()) {
      found.add(path);
    }
  }

  private static byte[] bytes(Wire message) {
    return serialization().serialize(message).get();
  }

  private static Object read(Wire like, byte[] bytes) {
    Serializer serializer = serialization().findSerializerFor(like);
    String manifest = ((SerializerWithStringManifest) serializer).manifest(like);
    return serialization().deserialize(bytes, serializer.identifier(), manifest).get();
  }

  private static Serialization serialization() {
    return SerializationExtension.get(Adapter.toClassic(kit.system()));
  }
}
