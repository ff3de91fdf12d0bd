package dev.dmabufsim.simulator.arch;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.assignableTo;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.type;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.fields;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaCall;
import com.tngtech.archunit.core.domain.JavaClass;
import java.time.Clock;
import java.time.Instant;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;

/**
 * What decides is a pure function: it knows no Akka, no file, no thread, no clock and no chance.
 * All of that is its shell's.
 */
class CoresTest {
  private static final Set<String> BY_NAME =
      Set.of(
          "AttachRules",
          "BufferCalls",
          "BufferFences",
          "CpuCalls",
          "DmaFence",
          "DmaResv",
          "IommuRebuild",
          "Judge",
          "Misbehaviour",
          "PeerToPeer",
          "Placement",
          "ReactionTimeline",
          "Replies",
          "RevokeSequence",
          "RunCore",
          "Scope",
          "SlotAsks");

  /** With the types that are nested in them. */
  private static final DescribedPredicate<JavaClass> CORES = describe("cores", CoresTest::isCore);

  private static boolean isCore(JavaClass c) {
    JavaClass outer = c;
    while (outer.getEnclosingClass().isPresent()) {
      outer = outer.getEnclosingClass().get();
    }
    String name = outer.getSimpleName();
    boolean node =
        List.of("dev.dmabufsim.exporter", "dev.dmabufsim.importer", "dev.dmabufsim.iommu")
            .contains(outer.getPackageName());
    return (node && name.matches(".*(Core|State|Event|Effect)")) || BY_NAME.contains(name);
  }

  @Test
  void everyCoreIsLookedAt() {
    assertThat(Program.CLASSES.that(CORES))
        .extracting(JavaClass::getSimpleName)
        .contains(
            "BufferCore",
            "BufferState",
            "BufferEvent",
            "BufferEffect",
            "BufferCalls",
            "Replies",
            "AttachRules",
            "RoundsCore",
            "AttachmentCore",
            "IommuCore",
            "IommuState",
            "IommuRebuild",
            "ImporterHubCore",
            "DmaFence",
            "DmaResv",
            "Misbehaviour",
            "Judge",
            "Scope",
            "RunCore",
            "PeerToPeer");
  }

  @Test
  void aCoreKnowsNoActor() {
    noneDependOn(resideInAnyPackage("akka..", "scala..", "com.typesafe.."));
  }

  @Test
  void aCoreReadsAndWritesNothing() {
    noneDependOn(
        resideInAnyPackage(
            "java.io..", "java.nio..", "java.net..", "java.lang.foreign..", "org.slf4j.."));
  }

  @Test
  void aCoreKnowsNoThreadAndNoLock() {
    noneDependOn(
        resideInAnyPackage("java.util.concurrent..")
            .or(assignableTo(Thread.class))
            .or(type(ThreadLocal.class))
            .or(type(Runnable.class)));
  }

  @Test
  void aCoreKnowsNoClock() {
    noneDependOn(assignableTo(Clock.class));
    noneCall("read the clock", CoresTest::readsTheClock);
  }

  private static boolean readsTheClock(JavaCall<?> call) {
    String name = call.getTarget().getName();
    JavaClass owner = call.getTargetOwner();
    return (owner.isEquivalentTo(System.class)
            && Set.of("nanoTime", "currentTimeMillis").contains(name))
        || (owner.getPackageName().equals(Instant.class.getPackageName()) && name.equals("now"));
  }

  @Test
  void aCoreLeavesNothingToChance() {
    noneDependOn(assignableTo(RandomGenerator.class).or(assignableTo(Random.class)));
    noneCall(
        "roll dice",
        c ->
            c.getTargetOwner().isEquivalentTo(Math.class)
                && c.getTarget().getName().equals("random"));
  }

  /** What a core keeps is in the state that it is given; the judge gathers, and says so. */
  @Test
  void aCoreKeepsNoStateOfItsOwn() {
    fields()
        .that()
        .areDeclaredInClassesThat(
            CORES.and(describe("are not the judge's", c -> !c.getFullName().contains(".Judge"))))
        .should()
        .beFinal()
        .check(Program.CLASSES);
  }

  private static void noneDependOn(DescribedPredicate<JavaClass> what) {
    noClasses().that(CORES).should().dependOnClassesThat(what).check(Program.CLASSES);
  }

  private static void noneCall(String what, java.util.function.Predicate<JavaCall<?>> predicate) {
    noClasses()
        .that(CORES)
        .should()
        .callMethodWhere(describe(what, call -> predicate.test(call)))
        .check(Program.CLASSES);
  }
}
