package dev.dmabufsim.simulator.netns;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What is asked of ip(8). */
class NamespacePlanTest {
  private static final NamespacePlan PLAN = new NamespacePlan(7, List.of("iommu-1", "m-1"));

  @Test
  void eachNodeHasAnAddressAndANamespaceOfItsOwn() {
    assertThat(PLAN.address("iommu-1")).isEqualTo("10.77.0.1");
    assertThat(PLAN.address("m-1")).isEqualTo("10.77.0.2");
    assertThat(PLAN.exec("m-1")).containsExactly("ip", "netns", "exec", "dmabuf-sim-7-2");
  }

  @Test
  void whatIsMadeIsRemoved() {
    List<String> made = namespaces(PLAN.setUp(), "add");
    List<String> removed = namespaces(PLAN.tearDown(), "delete");
    assertThat(made).hasSize(3).containsExactlyInAnyOrderElementsOf(removed);
  }

  private static List<String> namespaces(List<List<String>> commands, String verb) {
    return commands.stream()
        .filter(c -> c.subList(0, 3).equals(List.of("ip", "netns", verb)))
        .map(List::getLast)
        .toList();
  }

  @Test
  void aCutConcernsOneDirectionAndIsHealedWhereItWasMade() {
    var link = new Namespaces.Link("iommu-1", "m-1");
    assertThat(String.join(" ", PLAN.cut(link)))
        .isEqualTo(
            "ip -n dmabuf-sim-7-1 neigh replace 10.77.0.2 lladdr 02:00:00:00:00:01 dev eth0 nud"
                + " permanent");
    assertThat(String.join(" ", PLAN.heal(link)))
        .isEqualTo("ip -n dmabuf-sim-7-1 neigh del 10.77.0.2 dev eth0");
  }

  @Test
  void asManyNodesAsASubnetHas() {
    List<String> names = IntStream.rangeClosed(1, 254).mapToObj(i -> "n-" + i).toList();
    assertThat(new NamespacePlan(7, names).address("n-254")).isEqualTo("10.77.0.254");
    assertThatThrownBy(() -> new NamespacePlan(7, Collections.nCopies(255, "n")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("255 nodes; a run in namespaces has 254 at most");
  }
}
