package dev.dmabufsim.simulator.conformance;

import java.util.List;
import java.util.stream.Stream;

/**
 * A failure that was seen in the field, and what catches it.
 *
 * @param number in the contract's list
 * @param what went wrong
 * @param catchers what would notice; none if it is not modelled
 */
record FieldFailure(int number, String what, List<Catcher> catchers) {

  /** Something that notices. */
  sealed interface Catcher {
    /** A case of this suite. */
    record OfCase(String id) implements Catcher {}

    /**
     * A test of another class.
     *
     * @param path its source below the repository's root
     * @param method its name
     */
    record OfTest(String path, String method) implements Catcher {
      String className() {
        return path.substring(path.lastIndexOf('/') + 1).replace(".java", "");
      }
    }

    /** A bundled scenario, with settings under which it fails. */
    record OfScenario(String name, String settings) implements Catcher {}

    /** A cell of the matrix. */
    record OfCell(String contract, String importer, String treatment) implements Catcher {}
  }

  private static final String IT = "simulator/src/test/java/dev/dmabufsim/simulator/it/";

  private static FieldFailure failure(int number, String what, Catcher... catchers) {
    return new FieldFailure(number, what, List.of(catchers));
  }

  private static Catcher of(String id) {
    return new Catcher.OfCase(id);
  }

  private static Catcher cell(String contract, String importer, String treatment) {
    return new Catcher.OfCell(contract, importer, treatment);
  }

  /** All twenty. */
  static List<FieldFailure> all() {
    return List.of(
        failure(
            1,
            "BAR disabled before the dma-buf clean-up: a window for the next driver's BAR",
            of("field.1.window"),
            of("exp.vfio-pci.memory-disabled")),
        failure(
            2,
            "Revoke, then close: the count is put twice, the wait uses a consumed completion",
            of("field.2.revoke-then-close"),
            of("field.2.close-during-revoke"),
            of("seq.vfio.skip-unchanged")),
        failure(
            3,
            "Export succeeds, handing out the descriptor fails: double free",
            of("field.3.failed-export"),
            of("op.export.enomem")),
        failure(4, "Export of a BAR that is not reserved", of("field.4.not-reserved")),
        failure(5, "unpin without the lock", of("field.5.unpin-without-lock"), of("op.unpin.lock")),
        failure(
            6,
            "The importer's lock is destroyed before detach; the callback still uses it",
            of("field.6.callback-after-detach")),
        failure(
            7,
            "An attachment is visible before its object is ready, or after it is freed",
            of("field.7.visible-before-ready"),
            of("field.7.used-after-freed"),
            of("op.attach.race")),
        failure(
            8, "Pin, map fails, unpinned twice", of("field.8.unpinned-once"), of("op.pin.counts")),
        failure(
            9,
            "Deregistration races invalidation on a freed key",
            of("field.9.deregistration-first"),
            of("field.9.invalidation-first")),
        failure(
            10,
            "Un-revoke clears the flag before the counter is re-armed",
            of("field.10.rearmed-late"),
            of("seq.vfio.rearmed-before-flag")),
        failure(
            11,
            "Revoke before the importer's set-up is complete",
            of("field.11.revoke-during-set-up"),
            of("op.map.overtaken")),
        failure(
            12,
            "An asynchronous unmap needs the lock that the exporter holds while it waits: deadlock",
            of("field.12.unmap-needs-the-lock"),
            of("seq.vfio.lock-dropped"),
            of("op.unmap.counts")),
        failure(
            13,
            "KERNEL-only wait misses BOOKKEEP fences",
            of("field.13.kernel-fences-only"),
            of("seq.v3.bookkeep-fence"),
            of("seq.v3.exposes-gpu-dynamic-honest"),
            cell("v3", "gpu-dynamic", "honest")),
        failure(
            14,
            "No fence wait at all, copied from a driver that hides its wait elsewhere",
            of("field.14.no-fence-wait"),
            of("seq.v2.exposes-gpu-dynamic-honest"),
            new Catcher.OfScenario("vfio-reset", "contract=v2"),
            cell("v2", "gpu-dynamic", "honest")),
        failure(
            15,
            "Concurrent invalidation and teardown",
            of("field.15.teardown-first"),
            of("field.15.invalidation-first")),
        failure(
            16,
            "Dead importer: unbounded wait",
            of("field.16.dead-importer"),
            of("seq.v7.dead-importer"),
            of("seq.enforced.dead-importer"),
            new Catcher.OfTest(IT + "DeadImporterIT.java", "asMergedTheRevokesOfADeadImporterHang"),
            new Catcher.OfScenario("dead-importer", "contract=v7"),
            cell("v7", "gpu-dynamic", "killed")),
        failure(17, "trylock fails: one VM skipped, still mapped", of("field.17.vm-skipped")),
        failure(
            18,
            "A revoked key reused before deregistration",
            of("field.18.key-reused"),
            of("imp.rdma-pinned-revocable.key-not-reused")),
        failure(
            19,
            "IOTLB flush skipped after unmap",
            of("field.19.flush-skipped"),
            of("seq.enforced.ats"),
            cell("v7", "rdma-odp", "skips-iotlb-flush")),
        failure(
            20,
            "A fence that signals before the hardware has stopped (a lying importer)",
            of("field.20.lying-fence"),
            of("phase.fenced.lie-is-seen"),
            new Catcher.OfTest(
                IT + "LyingImporterIT.java",
                "aSequenceThatBelievesALiarLetsItWriteIntoMemoryThatIsSomebodyElses"),
            new Catcher.OfScenario("lying-importer", "contract=v7"),
            cell("v7", "gpu-dynamic", "lying")));
  }

  /** Those of one sort. */
  <T extends Catcher> Stream<T> catchers(Class<T> sort) {
    return catchers.stream().filter(sort::isInstance).map(sort::cast);
  }
}
