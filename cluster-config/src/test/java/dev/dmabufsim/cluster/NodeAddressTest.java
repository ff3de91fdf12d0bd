package dev.dmabufsim.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class NodeAddressTest {
  @ParameterizedTest
  @ValueSource(strings = {"127.0.0.1:0", "host.example:65535", "::1:2551", "[::1]:2551"})
  void readsBackWhatItWrites(String text) {
    assertThat(NodeAddress.parse(text).toString()).isEqualTo(text);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "host", ":1", "host:", "host:x", "host:-1", "host:65536", "host:1 "})
  void refusesWhatIsNotAnAddressAndQuotesIt(String text) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> NodeAddress.parse(text))
        .withMessageContaining("'" + text + "'");
  }

  @Test
  void isWrittenForAkkaWithTheSystemsName() {
    assertThat(new NodeAddress("10.0.0.1", 2551).akka())
        .isEqualTo("akka://dmabuf-sim@10.0.0.1:2551");
  }
}
