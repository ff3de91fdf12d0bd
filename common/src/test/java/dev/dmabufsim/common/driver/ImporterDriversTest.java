package dev.dmabufsim.common.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Drivers that are found on a class path, good and bad ones. */
final class ImporterDriversTest {
  @TempDir private Path classPath;

  /** What all of them do; they differ in their names. */
  public abstract static class Driver implements ImporterDriver {
    private final String kind;

    Driver(String kind) {
      this.kind = kind;
    }

    @Override
    public String kind() {
      return kind;
    }

    @Override
    public String description() {
      return "for a test";
    }

    @Override
    public ImporterOffer offer() {
      return ImporterOffer.DYNAMIC;
    }

    @Override
    public Reaction onInvalidate(Invalidation invalidation, RandomGenerator random) {
      return Reaction.inCallback(Duration.ZERO, Reaction.Afterwards.MAP_AGAIN);
    }
  }

  /** A good one. */
  public static final class First extends Driver {
    /** For the loader. */
    public First() {
      super("first-1");
    }
  }

  /** Another good one. */
  public static final class Second extends Driver {
    /** For the loader. */
    public Second() {
      super("second");
    }
  }

  /** One that is called as another is. */
  public static final class AlsoFirst extends Driver {
    /** For the loader. */
    public AlsoFirst() {
      super("first-1");
    }
  }

  /** One whose name cannot be written in a scenario. */
  public static final class BadlyNamed extends Driver {
    /** For the loader. */
    public BadlyNamed() {
      super("My\nDriver");
    }
  }

  /** One whose name is too long for a table. */
  public static final class LongNamed extends Driver {
    /** For the loader. */
    public LongNamed() {
      super("x".repeat(33));
    }
  }

  /** One that fails when it is made. */
  public static final class Failing extends Driver {
    /** For the loader. */
    public Failing() {
      super("failing");
      throw new IllegalStateException("no\nhardware");
    }
  }

  /** One that fails when it is asked. */
  public static final class Nameless extends Driver {
    /** For the loader. */
    public Nameless() {
      super("nameless");
    }

    @Override
    public String kind() {
      throw new IllegalStateException("no name");
    }
  }

  /** One that cannot be made without being told something. */
  public static final class WantsArguments extends Driver {
    /** Not for the loader. */
    public WantsArguments(String kind) {
      super(kind);
    }
  }

  /** Anything else. */
  public static final class NoDriver {}

  private ImporterDrivers load(String... classes) throws IOException {
    Path services = Files.createDirectories(classPath.resolve("META-INF/services"));
    Files.write(services.resolve(ImporterDriver.class.getName()), Arrays.asList(classes));
    Thread thread = Thread.currentThread();
    ClassLoader before = thread.getContextClassLoader();
    try (URLClassLoader loader =
        new URLClassLoader(
            new URL[] {classPath.toUri().toURL()}, ImporterDriver.class.getClassLoader())) {
      thread.setContextClassLoader(loader);
      return ImporterDrivers.load();
    } finally {
      thread.setContextClassLoader(before);
    }
  }

  private ImporterDrivers load(Class<?>... classes) throws IOException {
    return load(Arrays.stream(classes).map(Class::getName).toArray(String[]::new));
  }

  private void refuses(String because, Class<?>... classes) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> load(classes))
        .withMessageContaining(classes[classes.length - 1].getName())
        .withMessageContaining(because)
        .satisfies(e -> assertThat(e.getMessage().lines()).hasSize(1));
  }

  @Test
  void findsThoseThatAreNamedAsServices() throws IOException {
    ImporterDrivers drivers = load(Second.class, First.class);

    assertThat(drivers.all()).containsOnlyKeys("first-1", "second");
    assertThat(drivers.find("second")).containsInstanceOf(Second.class);
    assertThat(drivers.find("third")).isEmpty();
    assertThat(drivers.kinds()).isEqualTo("first-1, second");
  }

  @Test
  void refusesTwoOfOneName() {
    refuses("'first-1'", First.class, AlsoFirst.class);
  }

  @Test
  void refusesANameThatAScenarioCannotHold() {
    refuses("'My Driver'", BadlyNamed.class);
    refuses("digits and hyphens", LongNamed.class);
  }

  @Test
  void saysWhichOneFailsWhenItIsMadeAndWhy() {
    refuses("no hardware", Failing.class);
  }

  @Test
  void saysWhichOneFailsWhenItIsAskedForItsName() {
    refuses("no name", Nameless.class);
  }

  @Test
  void saysWhichOneCannotBeMadeWithoutArguments() {
    refuses("WantsArguments", WantsArguments.class);
  }

  @Test
  void saysWhichOneIsNoDriver() {
    refuses("not a subtype", NoDriver.class);
  }

  @Test
  void saysWhichOneIsNotThere() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> load("no.such.Driver"))
        .withMessageContaining("no.such.Driver")
        .satisfies(e -> assertThat(e.getMessage().lines()).hasSize(1));
  }

  @Test
  void saysWhichOneIsNoClassFileOfThisJvm() throws IOException {
    Files.write(
        classPath.resolve("Newer.class"),
        new byte[] {(byte) 0xca, (byte) 0xfe, (byte) 0xba, (byte) 0xbe, 0, 0, 0x7f, 0, 0, 0, 0, 0});

    assertThatIllegalArgumentException()
        .isThrownBy(() -> load("Newer"))
        .withMessageContaining("Newer")
        .satisfies(e -> assertThat(e.getMessage().lines()).hasSize(1));
  }
}
