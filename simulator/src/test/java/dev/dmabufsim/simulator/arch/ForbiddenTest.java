package dev.dmabufsim.simulator.arch;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.type;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaCall;
import com.tngtech.archunit.core.domain.JavaClass;
import dev.dmabufsim.common.fabric.BufferJournal;
import dev.dmabufsim.common.fabric.ControlDescriptor;
import dev.dmabufsim.common.fabric.ControlFile;
import dev.dmabufsim.common.fabric.Guard;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.Checksum;
import org.junit.jupiter.api.Test;

/** What nobody in the program uses, and why. */
class ForbiddenTest {
  /** On memory that is severed under them these raise SIGBUS, which takes the JVM down. */
  @Test
  void nobodySumsOrComparesMemoryThatMayBeSevered() {
    // Of an array, which is private memory, a sum may be taken.
    nobodyAccesses(
        "Checksum.update of a buffer",
        a ->
            a.getTargetOwner().isAssignableTo(Checksum.class)
                && a instanceof JavaCall<?> call
                && call.getTarget().getRawParameterTypes().stream()
                    .anyMatch(t -> t.isAssignableTo(java.nio.ByteBuffer.class)));
    nobodyAccesses(
        "MemorySegment.mismatch or asByteBuffer",
        a ->
            a.getTargetOwner().isAssignableTo(MemorySegment.class)
                && Set.of("mismatch", "asByteBuffer").contains(a.getName()));
  }

  /** A buffer over mapped memory is what the above guards against, by another way. */
  @Test
  void nobodyMapsAFileAsABuffer() {
    nobodyDependsOn(type(java.nio.MappedByteBuffer.class));
  }

  @Test
  void nobodyUsesUnsafe() {
    nobodyDependsOn(
        describe("Unsafe", (JavaClass c) -> c.getSimpleName().equals("Unsafe"))
            .or(resideInAPackage("jdk.internal..")));
  }

  @Test
  void nobodySleeps() {
    nobodyAccesses(
        "sleep",
        a ->
            a.getName().equals("sleep")
                && (a.getTargetOwner().isAssignableTo(Thread.class)
                    || a.getTargetOwner().isEquivalentTo(TimeUnit.class)));
  }

  /** A wall clock jumps; what cannot see it cannot depend on it. */
  @Test
  void noNodeLooksAtTheWallClock() {
    noClasses()
        .that(
            resideInAnyPackage(
                Program.COMMON,
                Program.CLUSTER,
                Program.EXPORTER,
                Program.IMPORTER,
                Program.IOMMU,
                "dev.dmabufsim.simulator.node.."))
        .should()
        .accessTargetWhere(
            describe(
                "the wall clock",
                a ->
                    a.getName().equals("currentTimeMillis")
                        || a.getTargetOwner().isAssignableTo(java.time.Clock.class)
                        || a.getTargetOwner().isAssignableTo(java.util.Date.class)
                        || (a.getTargetOwner().getPackageName().equals("java.time")
                            && a.getName().equals("now"))))
        .check(Program.CLASSES);
  }

  /** A path is what a typed reference answers when it is asked for its path. */
  @Test
  void nobodyUsesClassicActors() {
    nobodyDependsOn(
        resideInAPackage("akka.actor..")
            .and(not(resideInAPackage("akka.actor.typed..")))
            .and(not(type(akka.actor.ActorPath.class))));
  }

  /**
   * Akka's Jackson: a polymorphic class name from the wire would let a peer choose what to load.
   */
  @Test
  void nobodyUsesJavaSerialization() {
    nobodyDependsOn(
        type(java.io.ObjectInputStream.class).or(type(java.io.ObjectOutputStream.class)));
  }

  private static final Set<Class<?>> THOSE_WHO_KNOW_THE_LAYOUT =
      Set.of(ControlDescriptor.class, ControlFile.class, Guard.class, BufferJournal.class);

  @Test
  void nobodyElseReadsFieldsOfTheControlFile() {
    nobodyAccesses(
        "the layout's accessors",
        a ->
            a.getTargetOwner().isEquivalentTo(ControlDescriptor.class)
                && Set.of("LONG", "INT").contains(a.getName())
                && THOSE_WHO_KNOW_THE_LAYOUT.stream()
                    .noneMatch(a.getOriginOwner()::isEquivalentTo));
  }

  /** Constants are copied into the class files of those who use them, so their sources are read. */
  @Test
  void nobodyElseNamesAPlaceInTheControlFile() throws IOException {
    List<Field> places =
        Arrays.stream(ControlDescriptor.class.getDeclaredFields())
            .filter(f -> f.getName().endsWith("_AT"))
            .toList();
    assertThat(places).as("places in the layout").hasSizeGreaterThan(20);
    assertThat(places)
        .as("known outside of their package")
        .noneMatch(f -> Modifier.isPublic(f.getModifiers()));
    Pattern named =
        Pattern.compile(
            places.stream().map(Field::getName).collect(Collectors.joining("|", "\\b(", ")\\b")));
    Set<String> allowed =
        THOSE_WHO_KNOW_THE_LAYOUT.stream()
            .map(c -> c.getSimpleName() + ".java")
            .collect(Collectors.toSet());
    Path fabric =
        Path.of(System.getProperty("dmabufsim.root", ".."))
            .resolve("common/src/main/java/dev/dmabufsim/common/fabric");
    try (Stream<Path> sources = Files.list(fabric)) {
      List<Path> all = sources.toList();
      assertThat(all.stream().map(s -> s.getFileName().toString())).containsAll(allowed);
      for (Path source : all) {
        if (!allowed.contains(source.getFileName().toString())) {
          assertThat(Files.readString(source)).as("%s", source).doesNotContainPattern(named);
        }
      }
    }
  }

  private static void nobodyDependsOn(DescribedPredicate<? super JavaClass> what) {
    noClasses().should().dependOnClassesThat(what).check(Program.CLASSES);
  }

  private static void nobodyAccesses(
      String what, java.util.function.Predicate<JavaAccess<?>> predicate) {
    noClasses()
        .should()
        .accessTargetWhere(describe(what, a -> predicate.test(a)))
        .check(Program.CLASSES);
  }
}
