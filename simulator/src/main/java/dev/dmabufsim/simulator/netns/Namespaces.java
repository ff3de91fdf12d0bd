package dev.dmabufsim.simulator.netns;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The network namespaces of a run. They are gone when this is closed; what a launcher that was
 * killed leaves behind, the next {@link #create} removes. Not for several threads.
 */
public final class Namespaces implements AutoCloseable {
  /** Where ip-netns(8) keeps their names. */
  private static final Path NAMES = Path.of("/run/netns");

  private static final Pattern OURS = Pattern.compile(NamespacePlan.PREFIX + "([0-9]+)-[0-9]+");

  /**
   * One direction between two nodes.
   *
   * @param from the name of the node that sends
   * @param to the name of the node that receives
   */
  public record Link(String from, String to) {}

  private final NamespacePlan plan;
  private Set<Link> cuts = Set.of();

  private Namespaces(NamespacePlan plan) {
    this.plan = plan;
  }

  /**
   * Makes a namespace for each node. Blocks until seven commands for each have ended.
   *
   * @param nodes their names
   * @throws IOException if that cannot be done here, and says why: it needs root, {@code ip}, and a
   *     kernel with veth and bridges. Nothing is left behind then
   */
  public static Namespaces create(List<String> nodes) throws IOException {
    if (nodes.size() > NamespacePlan.MOST_NODES) {
      throw new IOException(
          "a run in namespaces has %d nodes at most".formatted(NamespacePlan.MOST_NODES));
    }
    sweep();
    NamespacePlan plan = new NamespacePlan(ProcessHandle.current().pid(), nodes);
    Namespaces all = new Namespaces(plan);
    try {
      for (List<String> command : plan.setUp()) {
        run(command);
      }
      return all;
    } catch (IOException e) {
      all.close();
      throw new IOException("network namespaces cannot be had here: " + e.getMessage(), e);
    }
  }

  /** The address of a node. */
  public String address(String node) {
    return plan.address(node);
  }

  /** What stands before a node's own command. */
  public List<String> exec(String node) {
    return plan.exec(node);
  }

  /**
   * From now on nothing gets through these directions, and everything through all others.
   *
   * @throws IOException if the network could not be changed; then it is as it was, or partly so
   */
  public void cut(Set<Link> wanted) throws IOException {
    Set<Link> now = new HashSet<>(cuts);
    try {
      for (Link link : wanted) {
        if (now.add(link)) {
          run(plan.cut(link));
        }
      }
      for (Link link : cuts) {
        if (!wanted.contains(link)) {
          run(plan.heal(link));
          now.remove(link);
        }
      }
    } finally {
      cuts = Set.copyOf(now);
    }
  }

  /** Removes them. */
  @Override
  public void close() {
    for (List<String> command : plan.tearDown()) {
      quietly(command);
    }
  }

  /** Removes those of launchers that are dead. */
  private static void sweep() throws IOException {
    if (!Files.isDirectory(NAMES)) {
      return;
    }
    try (DirectoryStream<Path> names = Files.newDirectoryStream(NAMES)) {
      for (Path path : names) {
        String name = path.getFileName().toString();
        Matcher ours = OURS.matcher(name);
        if (ours.matches() && !lives(ours.group(1))) {
          quietly(NamespacePlan.delete(name));
        }
      }
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
  }

  /** One with our own id is of an earlier process: ours are not made yet. */
  private static boolean lives(String pid) {
    return !pid.equals(Long.toString(ProcessHandle.current().pid()))
        && Files.exists(Path.of("/proc", pid));
  }

  private static void quietly(List<String> command) {
    try {
      run(command);
    } catch (IOException e) {
      // It was not there, or another launcher has removed it just now.
      return;
    }
  }

  private static void run(List<String> command) throws IOException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    process.getOutputStream().close();
    String said =
        new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
    int status;
    try {
      status = process.waitFor();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
    if (status != 0) {
      String line = said.lines().findFirst().orElse("exit status " + status);
      throw new IOException("'%s': %s".formatted(String.join(" ", command), line));
    }
  }
}
