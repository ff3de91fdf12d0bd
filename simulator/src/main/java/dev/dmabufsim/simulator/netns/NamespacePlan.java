package dev.dmabufsim.simulator.netns;

import java.util.ArrayList;
import java.util.List;

/**
 * What the namespaces of a run are called and how they are connected: the arguments of {@code ip},
 * see ip-netns(8), ip-link(8) and ip-neighbour(8). Pure; {@link Namespaces} runs them.
 *
 * <pre>
 *   namespace of node 1       namespace of the bridge       namespace of node 2
 *     eth0 10.77.0.1  ---veth---  p1  br0  p2  ---veth---  eth0 10.77.0.2
 * </pre>
 *
 * <p>None of them is connected to the host's own network, so that addresses collide with nobody's.
 *
 * @param launcher the process id of who starts the nodes
 * @param nodes the names of the nodes, 254 at most
 */
record NamespacePlan(long launcher, List<String> nodes) {
  /** What the names of all namespaces begin with. */
  static final String PREFIX = "dmabuf-sim-";

  /** Hosts of a /24. */
  static final int MOST_NODES = 254;

  private static final String IP = "ip";
  private static final String SUBNET = "10.77.0.";
  private static final String BRIDGE = "br0";
  private static final String INTERFACE = "eth0";

  /** Of nobody: locally administered, and no interface has it. */
  private static final String NOBODY = "02:00:00:00:00:01";

  NamespacePlan {
    nodes = List.copyOf(nodes);
    if (nodes.size() > MOST_NODES) {
      throw new IllegalArgumentException(
          "%d nodes; a run in namespaces has %d at most".formatted(nodes.size(), MOST_NODES));
    }
  }

  /** The address of a node. */
  String address(String node) {
    return SUBNET + number(node);
  }

  /** What stands before a node's own command. The process keeps the id that it was started with. */
  List<String> exec(String node) {
    return List.of(IP, "netns", "exec", namespace(number(node)));
  }

  /** Makes all of them, one command after the other. */
  List<List<String>> setUp() {
    List<List<String>> commands = new ArrayList<>();
    String hub = namespace(0);
    commands.add(List.of(IP, "netns", "add", hub));
    commands.add(in(hub, "link", "add", BRIDGE, "type", "bridge"));
    commands.add(in(hub, "link", "set", BRIDGE, "up"));
    for (int i = 1; i <= nodes.size(); i++) {
      String its = namespace(i);
      String port = "p" + i;
      commands.add(List.of(IP, "netns", "add", its));
      commands.add(in(its, "link", "set", "lo", "up"));
      commands.add(
          in(its, "link", "add", INTERFACE, "type", "veth", "peer", "name", port, "netns", hub));
      commands.add(in(its, "addr", "add", SUBNET + i + "/24", "dev", INTERFACE));
      commands.add(in(its, "link", "set", INTERFACE, "up"));
      commands.add(in(hub, "link", "set", port, "master", BRIDGE));
      commands.add(in(hub, "link", "set", port, "up"));
    }
    return commands;
  }

  /** Removes all of them, as far as they are there. */
  List<List<String>> tearDown() {
    List<List<String>> commands = new ArrayList<>();
    for (int i = nodes.size(); i >= 0; i--) {
      commands.add(delete(namespace(i)));
    }
    return commands;
  }

  /** Removes one; what runs in it goes on until it ends. */
  static List<String> delete(String namespace) {
    return List.of(IP, "netns", "delete", namespace);
  }

  /**
   * From now on nothing that one node sends reaches the other: it is sent to a station that does
   * not exist, and is lost without a word, as in a network. The other direction is not concerned.
   */
  List<String> cut(Namespaces.Link link) {
    return in(
        namespace(number(link.from())),
        "neigh",
        "replace",
        address(link.to()),
        "lladdr",
        NOBODY,
        "dev",
        INTERFACE,
        "nud",
        "permanent");
  }

  /** What one node sends reaches the other again. */
  List<String> heal(Namespaces.Link link) {
    return in(namespace(number(link.from())), "neigh", "del", address(link.to()), "dev", INTERFACE);
  }

  private String namespace(int number) {
    return PREFIX + launcher + "-" + number;
  }

  private int number(String node) {
    int at = nodes.indexOf(node);
    if (at < 0) {
      throw new IllegalArgumentException("no such node: " + node);
    }
    return at + 1;
  }

  private static List<String> in(String namespace, String... command) {
    List<String> all = new ArrayList<>(List.of(IP, "-n", namespace));
    all.addAll(List.of(command));
    return all;
  }
}
