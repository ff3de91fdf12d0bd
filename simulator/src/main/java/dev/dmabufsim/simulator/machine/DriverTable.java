package dev.dmabufsim.simulator.machine;

import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What a kernel driver makes of its device: the kind of exporter, the kind of importer, and why.
 * The only definition; a scenario may overrule it for a device.
 *
 * <p>The kinds are those that the simulator has. Where a driver is none of them exactly, the row's
 * reason says what it is and the nearest kind stands for it:
 *
 * <ul>
 *   <li>mlx5 registers on demand ({@code rdma-odp}) unless its user asks for pinning, which can be
 *       revoked as well ({@code rdma-pinned-revocable}).
 *   <li>A device whose driver imports no dma-buf (NVMe, USB, sound) is a bus master all the same,
 *       and could be given addresses. The worst that it could be is {@code rdma-pinned}.
 *   <li>A device without a driver is what one would drive through VFIO: its DMA goes through {@code
 *       iommufd}, and to export its BAR one would bind {@code vfio-pci}.
 * </ul>
 */
final class DriverTable {

  /**
   * One driver, or a family of them.
   *
   * @param exporterKind what its memory BAR is exported as, or null if it exports none
   * @param importerKind what it imports as, or null if the device's class decides
   * @param why the reason of the importer's kind, short enough for a table
   */
  private record Row(
      List<String> drivers,
      @Nullable String exporterKind,
      @Nullable String importerKind,
      String why) {}

  private static final List<Row> ROWS =
      List.of(
          row(
              "amdgpu",
              Kinds.GPU_VRAM,
              Kinds.GPU_DYNAMIC,
              "dynamic importer, maps again after a move"),
          row("xe", Kinds.GPU_VRAM, Kinds.GPU_DYNAMIC, "dynamic importer, maps again after a move"),
          row(
              List.of("nvidia", "nouveau", "i915"),
              Kinds.GPU_VRAM,
              Kinds.STATIC,
              "GPU whose driver attaches statically, and is never told"),
          row(
              "mlx5_core",
              Kinds.RDMA_MMIO,
              Kinds.RDMA_ODP,
              "on-demand paging: the next access after an invalidation maps again"),
          row("efa", Kinds.RDMA_MMIO, Kinds.RDMA_PINNED, "pins, and has no invalidation callback"),
          row(
              List.of("bnxt_en", "ice", "i40e", "irdma"),
              Kinds.RDMA_MMIO,
              Kinds.RDMA_PINNED,
              "RDMA without on-demand paging: pins, and has no invalidation callback"),
          row(
              List.of("mlx4_core", "mana", "ionic", "erdma", "hns3", "qede", "cxgb4", "hfi1"),
              Kinds.RDMA_MMIO,
              Kinds.RDMA_PINNED,
              "RDMA that registers pinned memory, and has no invalidation callback"),
          row(
              "nvme",
              null,
              Kinds.RDMA_PINNED,
              "no dma-buf importer of its own: as one that is never told"),
          row(
              List.of("idxd", "ioatdma", "ptdma", "ae4dma"),
              null,
              Kinds.RDMA_PINNED,
              "DMA engine: copies where its client says, and is never told"));

  private static final Row VFIO =
      row(
          "vfio-pci",
          Kinds.VFIO_PCI,
          Kinds.IOMMUFD,
          "user space drives it: its DMA goes through iommufd");

  private static final Row UNBOUND =
      row(
          List.of(),
          null,
          Kinds.IOMMUFD,
          "no driver: bound to vfio-pci, its DMA goes through iommufd");

  /** Drivers that hold a device for somebody else and do nothing with it themselves. */
  private static final List<String> PLACEHOLDERS =
      List.of("pci-stub", "uio_pci_generic", "igb_uio", "pciback", "xen-pciback");

  private DriverTable() {}

  private static Row row(
      String driver, @Nullable String exporterKind, @Nullable String importerKind, String why) {
    return row(List.of(driver), exporterKind, importerKind, why);
  }

  private static Row row(
      List<String> drivers,
      @Nullable String exporterKind,
      @Nullable String importerKind,
      String why) {
    return new Row(drivers, exporterKind, importerKind, why);
  }

  /**
   * What a device imports as, or empty if it is of no use as an importer: then {@link
   * #whyNotImporter} says why.
   *
   * @param driversListed whether the listing shows drivers at all
   */
  static Optional<Role> importer(PciDevice device, boolean driversListed) {
    if (!whyNotImporter(device, driversListed).isEmpty()) {
      return Optional.empty();
    }
    Optional<Row> row = rowFor(device, driversListed);
    if (row.isPresent() && row.get().importerKind() != null) {
      String assumed = driversListed ? "" : "; by its class, for want of a driver";
      return Optional.of(new Role(row.get().importerKind(), row.get().why() + assumed));
    }
    return Optional.of(byClass(device));
  }

  private static Role byClass(PciDevice device) {
    return switch (device.deviceClass()) {
      case NETWORK ->
          new Role(Kinds.STATIC, "device-memory TCP attaches statically, and is never told");
      case DISPLAY, ACCELERATOR -> new Role(Kinds.STATIC, "attaches statically, and is never told");
      default ->
          new Role(Kinds.RDMA_PINNED, "no dma-buf importer of its own: as one that is never told");
    };
  }

  /** What a device's memory is exported as; a BAR worth exporting is taken for granted. */
  static Role exporter(PciDevice device, boolean driversListed) {
    Optional<Row> row = rowFor(device, driversListed);
    String kind = row.map(Row::exporterKind).orElse(null);
    if (kind == null) {
      String driver = device.driver();
      return new Role(
          Kinds.VFIO_PCI,
          driver == null
              ? "no driver: vfio-pci is what one would bind to export it"
              : driver + " is not known to export memory: vfio-pci is what one would bind");
    }
    return new Role(
        kind,
        switch (kind) {
          case Kinds.GPU_VRAM -> "the GPU's memory";
          case Kinds.RDMA_MMIO ->
              "uverbs pages of the NIC (mlx5 does so; others taken to be alike)";
          default -> "a BAR handed to user space";
        });
  }

  /** Why a device is no importer, or an empty string if it is one. */
  static String whyNotImporter(PciDevice device, boolean driversListed) {
    if (device.unreadable()) {
      return "does not answer (asleep, or gone from the bus)";
    }
    if (device.isBridgeByClass()) {
      return "bridge: passes on DMA, starts none";
    }
    Optional<Row> row = rowFor(device, driversListed);
    if (row.equals(Optional.of(VFIO))) {
      // User space turns bus mastering on when it starts DMA, and off again.
      return "";
    }
    boolean knownDriver = device.driver() != null && row.isPresent();
    if (!knownDriver) {
      switch (device.deviceClass()) {
        case HOST_BRIDGE, OTHER_BRIDGE, MEMORY, SMBUS, SYSTEM, SIGNAL, INSTRUMENTATION -> {
          return device.deviceClass().label() + ": no DMA of its own to give addresses to";
        }
        default -> {}
      }
    }
    return switch (device.busMaster()) {
      case ON -> "";
      case OFF -> "BusMaster-: nobody has enabled its DMA";
      case UNKNOWN -> "not known whether it may do DMA (no Control: or Flags: line)";
    };
  }

  private static Optional<Row> rowFor(PciDevice device, boolean driversListed) {
    String driver = device.driver();
    if (driver == null) {
      return driversListed ? Optional.of(UNBOUND) : assumed(device).flatMap(DriverTable::named);
    }
    if (PLACEHOLDERS.contains(driver)) {
      return Optional.of(UNBOUND);
    }
    // The variants too: mlx5_vfio_pci, nvgrace-gpu-vfio-pci, ...
    if (driver.replace('_', '-').endsWith("vfio-pci")) {
      return Optional.of(VFIO);
    }
    return named(driver);
  }

  private static Optional<Row> named(String driver) {
    return ROWS.stream().filter(row -> row.drivers().contains(driver)).findFirst();
  }

  /** The driver that a device usually has, where the listing (of {@code lspci -F}) shows none. */
  private static Optional<String> assumed(PciDevice device) {
    String title = device.title().toLowerCase(Locale.ROOT);
    PciIds ids = device.ids();
    int vendor = ids == null ? 0 : ids.vendor();
    return switch (device.deviceClass()) {
      case NVME -> Optional.of("nvme");
      case DISPLAY -> {
        if (vendor == PciIds.NVIDIA || title.startsWith("nvidia")) {
          yield Optional.of("nvidia");
        }
        if (vendor == PciIds.INTEL || title.startsWith("intel")) {
          yield Optional.of("i915");
        }
        yield title.startsWith("advanced micro devices") ? Optional.of("amdgpu") : Optional.empty();
      }
      case NETWORK -> {
        if (title.contains("elastic fabric adapter")) {
          yield Optional.of("efa");
        }
        boolean mellanox = vendor == PciIds.MELLANOX || title.startsWith("mellanox");
        boolean beforeMlx5 = title.contains("connectx-2") || title.contains("connectx-3");
        yield mellanox ? Optional.of(beforeMlx5 ? "mlx4_core" : "mlx5_core") : Optional.empty();
      }
      default -> Optional.empty();
    };
  }

  /** A kind, and why that one. */
  record Role(String kind, String why) {}
}
