package dev.dmabufsim.simulator.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.simulator.matrix.MatrixReport;
import dev.dmabufsim.simulator.report.Report;
import java.io.IOException;
import java.io.OutputStream;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What {@code docs/your-own-importer.md} shows works as it stands there. */
class YourOwnImporterIT {
  private static final String SERVICES =
      "META-INF/services/dev.dmabufsim.common.driver.ImporterDriver";
  private static final int BAD_INPUT = 2;

  @RegisterExtension final Sandbox sandbox = new Sandbox();

  @Test
  void anImporterThatAScenarioDescribesIsRevokedLikeAnyOther() throws IOException {
    Simulator run = sandbox.run("run", sandbox.file("described.yaml", blocks("yaml").getFirst()));
    assertThat(run.out()).contains("unmap-delay: normal 500us 100us");
    assertRevoked(run, "dpu", "my-dpu");
  }

  @Test
  void anImporterThatIsAClassIsRevokedLikeAnyOther() throws IOException {
    Path classes = compile(blocks("java").getFirst(), "example.Dpu");
    Simulator list = sandbox.runWith(classes, "importers");
    assertThat(list.awaitExit()).as("%s", list).isZero();
    assertThat(list.out().lines())
        .anyMatch(l -> l.matches("dpu +A DPU that stops at its firmware's next tick"))
        .anyMatch(l -> l.startsWith("iommufd "));
    Simulator run =
        sandbox.runWith(
            jar(classes), "run", sandbox.file("programmed.yaml", blocks("yaml").getLast()));
    assertRevoked(run, "card", "dpu");
  }

  /**
   * Either takes part in the matrix, and the cells come from what the class does: another version
   * of it has other cells.
   */
  @Test
  void bothTakePartInTheMatrixAndChangingTheClassChangesItsCells() throws IOException {
    String honest = blocks("java").getFirst();
    String lies =
        honest
            .replace("Dpu", "Liar")
            .replace("\"dpu\"", "\"liar\"")
            .replace(
                "Reaction.Deviations.NONE",
                "new Reaction.Deviations(true, Duration.ZERO, Duration.ofMillis(300), false)");
    Simulator run =
        sandbox.runWith(
            List.of(compile(honest, "example.Dpu"), compile(lies, "example.Liar")),
            "matrix",
            "--contracts",
            "v7",
            "--importers",
            "my-dpu,dpu,liar",
            "--behaviours",
            "honest",
            "--scenario",
            sandbox.file("described.yaml", blocks("yaml").getFirst()),
            "--seed",
            "1",
            "--out",
            "cells");
    assertThat(run.awaitExit()).as("%s", run).isZero();
    MatrixReport report =
        new JsonMapper()
            .readValue(
                Files.readString(run.runDirectory().resolve("matrix.json")), MatrixReport.class);
    assertThat(report.cells())
        .extracting(MatrixReport.Row::importer, MatrixReport.Row::verdict)
        .containsExactlyInAnyOrder(
            tuple("my-dpu", "safe"), tuple("dpu", "safe"), tuple("liar", "unsafe"));
    run.assertNothingLeft();
  }

  /** Four rounds of four buffers, each with two attachments. */
  private static void assertRevoked(Simulator run, String device, String kind) {
    assertThat(run.awaitExit()).as("%s", run).isZero();
    Report report = run.report();
    assertThat(report.verdict()).isEqualTo("pass");
    assertThat(report.attachments().peak()).isEqualTo(8);
    assertThat(report.attachments().refused()).isZero();
    assertThat(report.revokes().completed()).isEqualTo(16);
    assertThat(report.revokes().outcomes().acked()).isEqualTo(16);
    assertThat(report.dma().operations()).isPositive();
    assertThat(report.canary().foreignBytes()).isZero();
    assertThat(run.history("exporter-1"))
        .filteredOn(l -> l.event() instanceof HistoryEvent.Attached)
        .extracting(l -> (HistoryEvent.Attached) l.event())
        .isNotEmpty()
        .allMatch(e -> e.importer().equals(device) && e.kind().equals(kind));
    run.assertNothingLeft();
  }

  @Test
  void aScenarioOfAClassThatIsNotThereIsOneLine() throws IOException {
    Simulator run = sandbox.run("run", sandbox.file("programmed.yaml", blocks("yaml").getLast()));
    assertOneLine(run, "nodes.importer-1.devices.card.kind is 'dpu', which is no kind of importer");
  }

  @Test
  void aClassThatFailsIsOneLine() throws IOException {
    String dpu = blocks("java").getFirst();
    Path broken =
        compile(
            dpu.replace("return \"dpu\";", "throw new IllegalStateException(\"no firmware\");"),
            "example.Dpu");
    String scenario = sandbox.file("programmed.yaml", blocks("yaml").getLast());
    assertOneLine(
        sandbox.runWith(broken, "run", scenario),
        "importer driver example.Dpu fails: java.lang.IllegalStateException: no firmware");
    assertOneLine(sandbox.runWith(broken, "importers"), "importer driver example.Dpu fails");
    Files.writeString(broken.resolve(SERVICES), "example.Dqu\n");
    assertOneLine(
        sandbox.runWith(broken, "run", scenario), "Provider example.Dqu not found; mend it");
    Path twin = compile(dpu.replace("return \"dpu\"", "return \"iommufd\""), "example.Dpu");
    assertOneLine(sandbox.runWith(twin, "run", scenario), "are both called 'iommufd'");
  }

  @Test
  void theLauncherNamesWhatIsNotThere() throws IOException, InterruptedException {
    Path root = Path.of("..").toRealPath();
    for (String path : List.of("/no/such.jar", ":/tmp:pom.xml")) {
      ProcessBuilder launcher =
          new ProcessBuilder(root.resolve("dmabuf-sim").toString(), "importers")
              .directory(root.toFile())
              .redirectErrorStream(true);
      launcher.environment().put("DMABUF_SIM_CLASSPATH", path);
      Process process = launcher.start();
      List<String> lines = process.inputReader().lines().toList();
      assertThat(process.waitFor()).isEqualTo(BAD_INPUT);
      assertThat(lines)
          .singleElement()
          .asString()
          .startsWith(
              "dmabuf-sim: DMABUF_SIM_CLASSPATH names "
                  + path.substring(path.lastIndexOf(':') + 1)
                  + ", which is neither a directory nor a jar; ");
    }
  }

  private static void assertOneLine(Simulator run, String says) {
    assertThat(run.awaitExit()).as("%s", run).isEqualTo(BAD_INPUT);
    assertThat(run.err().lines()).singleElement().asString().contains(says);
    assertThat(run.out()).isEmpty();
  }

  /** The fenced blocks of a language that the page has. */
  private static List<String> blocks(String language) throws IOException {
    String page = Files.readString(Path.of("../docs/your-own-importer.md"));
    List<String> blocks =
        Pattern.compile("^```" + language + "\n(.*?)^```$", Pattern.MULTILINE | Pattern.DOTALL)
            .matcher(page)
            .results()
            .map((MatchResult r) -> r.group(1))
            .toList();
    assertThat(blocks).as("%s on the page", language).isNotEmpty();
    return blocks;
  }

  /** A directory with the class and the file of services that names it. */
  private Path compile(String source, String name) throws IOException {
    String simple = name.substring(name.lastIndexOf('.') + 1);
    Path file = sandbox.directory().resolve(sandbox.file(simple + ".java", source));
    Path classes = Files.createTempDirectory(sandbox.directory(), "classes");
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    StringWriter complaints = new StringWriter();
    try (StandardJavaFileManager files = compiler.getStandardFileManager(null, null, null)) {
      boolean compiled =
          compiler
              .getTask(
                  complaints,
                  files,
                  null,
                  List.of("-d", classes.toString(), "-Xlint:all,-path", "-Werror", "-proc:none"),
                  null,
                  files.getJavaFileObjects(file))
              .call();
      assertThat(compiled).as("%s", complaints).isTrue();
    }
    Path services = classes.resolve(SERVICES);
    Files.createDirectories(services.getParent());
    Files.writeString(services, name + "\n");
    return classes;
  }

  private static Path jar(Path classes) throws IOException {
    Path jar = classes.resolveSibling("dpu.jar");
    try (OutputStream file = Files.newOutputStream(jar);
        JarOutputStream out = new JarOutputStream(file);
        Stream<Path> all = Files.walk(classes)) {
      for (Path path : all.filter(Files::isRegularFile).toList()) {
        out.putNextEntry(new JarEntry(classes.relativize(path).toString()));
        Files.copy(path, out);
      }
    }
    return jar;
  }
}
