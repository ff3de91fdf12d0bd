package dev.dmabufsim.simulator.arch;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;

/** The classes of every room that the simulator is made of: all but the benchmarks. */
final class Program {
  static final String ALL = "dev.dmabufsim..";
  static final String COMMON = "dev.dmabufsim.common..";
  static final String CLUSTER = "dev.dmabufsim.cluster..";
  static final String EXPORTER = "dev.dmabufsim.exporter..";
  static final String IMPORTER = "dev.dmabufsim.importer..";
  static final String IOMMU = "dev.dmabufsim.iommu..";
  static final String SIMULATOR = "dev.dmabufsim.simulator..";

  static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages("dev.dmabufsim");

  private Program() {}
}
