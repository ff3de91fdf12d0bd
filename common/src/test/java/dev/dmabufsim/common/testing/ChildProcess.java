package dev.dmabufsim.common.testing;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A process that a test starts, talks to by lines, and kills as a fault would. */
public final class ChildProcess implements AutoCloseable {
  private final Process process;
  private final BufferedReader output;

  private ChildProcess(ProcessBuilder builder) throws IOException {
    this.process = builder.redirectError(ProcessBuilder.Redirect.INHERIT).start();
    this.output =
        new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
  }

  /** Starts a program. */
  public static ChildProcess start(String... command) throws IOException {
    return new ChildProcess(new ProcessBuilder(command));
  }

  /** Starts a JVM on this one's class path. Its main method is to return when its input ends. */
  public static ChildProcess jvm(Class<?> main, Object... arguments) throws IOException {
    return new ChildProcess(new ProcessBuilder(command(main, arguments)));
  }

  /** How {@link #jvm} starts it, for a child that starts a child. */
  public static List<String> command(Class<?> main, Object... arguments) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx64m", "-Xshare:auto"));
    command.add("--enable-native-access=ALL-UNNAMED");
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), main.getName()));
    for (Object argument : arguments) {
      command.add(argument.toString());
    }
    return command;
  }

  /** The next line that it prints. */
  public String line() throws IOException {
    String line = output.readLine();
    if (line == null) {
      throw new IOException("the child ended before it said what it was asked for");
    }
    return line;
  }

  /** Its process id. */
  public int pid() {
    return (int) process.pid();
  }

  /** Whether it runs. */
  public boolean alive() {
    return process.isAlive();
  }

  /** SIGKILL; waits until it is gone and reaped. */
  public void kill() throws InterruptedException {
    process.destroyForcibly().waitFor();
  }

  /** Sends a signal to any process, as kill(1). */
  public static void signal(String name, long pid) throws IOException, InterruptedException {
    int status =
        new ProcessBuilder("sh", "-c", "kill -" + name + " " + pid).inheritIO().start().waitFor();
    if (status != 0) {
      throw new IOException("kill -" + name + " " + pid + " failed");
    }
  }

  /** Blocks until this process's own input ends: what a child does so as not to outlive a test. */
  public static void untilInputEnds() throws IOException {
    while (System.in.read() >= 0) {
      // Whatever comes is of no interest.
    }
  }

  @Override
  public void close() {
    process.destroyForcibly().onExit().join();
  }
}
