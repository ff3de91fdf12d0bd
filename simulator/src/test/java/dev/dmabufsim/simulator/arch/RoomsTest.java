package dev.dmabufsim.simulator.arch;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** No room knows another that it should not. */
class RoomsTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        Program.COMMON,
        Program.CLUSTER,
        Program.EXPORTER,
        Program.IMPORTER,
        Program.IOMMU,
        Program.SIMULATOR
      })
  void everyRoomIsLookedAt(String room) {
    assertThat(Program.CLASSES.that(resideInAPackage(room))).isNotEmpty();
  }

  @Test
  void everyClassIsInOneOfTheRooms() {
    assertThat(
            Program.CLASSES.that(
                not(
                    resideInAnyPackage(
                        Program.COMMON,
                        Program.CLUSTER,
                        Program.EXPORTER,
                        Program.IMPORTER,
                        Program.IOMMU,
                        Program.SIMULATOR))))
        .isEmpty();
  }

  @Test
  void commonKnowsNoOtherRoom() {
    check(Program.COMMON, Program.COMMON);
  }

  @Test
  void clusterConfigKnowsOnlyCommon() {
    check(Program.CLUSTER, Program.CLUSTER, Program.COMMON);
  }

  @ParameterizedTest
  @ValueSource(strings = {Program.EXPORTER, Program.IMPORTER, Program.IOMMU})
  void aNodeKnowsOnlyCommonAndClusterConfigAndNeverAnotherNode(String room) {
    check(room, room, Program.COMMON, Program.CLUSTER);
  }

  private static void check(String room, String... known) {
    noClasses()
        .that()
        .resideInAPackage(room)
        .should()
        .dependOnClassesThat(resideInAPackage(Program.ALL).and(not(resideInAnyPackage(known))))
        .check(Program.CLASSES);
  }

  /** They are written as a user writes his own. */
  @Test
  void theBuiltInImportersKnowOnlyWhatAUsersOwnKnows() {
    check(
        "dev.dmabufsim.importer.driver..",
        "dev.dmabufsim.importer.driver..",
        "dev.dmabufsim.common.driver..",
        "dev.dmabufsim.common.contract..");
  }

  /** It judges by histories alone, whoever wrote them. */
  @Test
  void theJudgeKnowsOnlyCommon() {
    check("dev.dmabufsim.simulator.judge..", "dev.dmabufsim.simulator.judge..", Program.COMMON);
  }

  @Test
  void scenariosAndMachinesKnowNothingOfRunningThem() {
    check(
        "dev.dmabufsim.simulator.scenario..",
        "dev.dmabufsim.simulator.scenario..",
        "dev.dmabufsim.simulator.machine..",
        "dev.dmabufsim.cluster..",
        Program.COMMON);
    check(
        "dev.dmabufsim.simulator.machine..",
        "dev.dmabufsim.simulator.scenario..",
        "dev.dmabufsim.simulator.machine..",
        Program.COMMON);
  }

  @Test
  void nobodyKnowsTheCommandLine() {
    noClasses()
        .that()
        .resideOutsideOfPackage("dev.dmabufsim.simulator.cli..")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("dev.dmabufsim.simulator.cli..")
        .check(Program.CLASSES);
  }

  @Test
  void noTwoPartsOfTheSimulatorKnowEachOther() {
    slices()
        .matching("dev.dmabufsim.simulator.(*)..")
        .should()
        .beFreeOfCycles()
        .check(Program.CLASSES);
  }

  /** Contract, message and history form one vocabulary; the memory below it knows none of it. */
  @Test
  void theSharedMemoryKnowsNoMessageAndNoHistory() {
    check(
        "dev.dmabufsim.common.fabric..",
        "dev.dmabufsim.common.fabric..",
        "dev.dmabufsim.common.fault..");
  }
}
