package dev.dmabufsim.simulator.machine;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DriverTableTest {

  private static Machine with(String className, String name, String driver, boolean busMaster) {
    String bound = driver.isEmpty() ? "Interrupt: none" : "Kernel driver in use: " + driver;
    return Given.parse(
        Given.device(
            "05:00.0 " + className + ": " + name,
            Given.control(busMaster),
            "Region 0: Memory at 90000000 (64-bit, prefetchable) [size=16M]",
            bound),
        Given.device(
            "06:00.0 SATA controller: Foo", Given.control(true), "Kernel driver in use: ahci"));
  }

  @ParameterizedTest
  @CsvSource({
    "VGA compatible controller, amdgpu, gpu-vram, gpu-dynamic",
    "VGA compatible controller, xe, gpu-vram, gpu-dynamic",
    "3D controller, nvidia, gpu-vram, static",
    "VGA compatible controller, nouveau, gpu-vram, static",
    "VGA compatible controller, i915, gpu-vram, static",
    "VGA compatible controller, ast, vfio-pci, static",
    "Ethernet controller, mlx5_core, rdma-mmio, rdma-odp",
    "Infiniband controller, mlx5_core, rdma-mmio, rdma-odp",
    "Ethernet controller, efa, rdma-mmio, rdma-pinned",
    "Ethernet controller, bnxt_en, rdma-mmio, rdma-pinned",
    "Ethernet controller, igb, vfio-pci, static",
    "Non-Volatile memory controller, nvme, vfio-pci, rdma-pinned",
    "Processing accelerators, habanalabs, vfio-pci, static",
    "System peripheral, idxd, vfio-pci, rdma-pinned",
    "3D controller, vfio-pci, vfio-pci, iommufd",
    "Ethernet controller, mlx5_vfio_pci, vfio-pci, iommufd",
    "3D controller, nvgrace-gpu-vfio-pci, vfio-pci, iommufd",
    "Ethernet controller, pci-stub, vfio-pci, iommufd",
    "RAID bus controller, '', vfio-pci, iommufd",
    "3D controller, '', vfio-pci, iommufd",
    "USB controller, xhci_hcd, vfio-pci, rdma-pinned"
  })
  void classAndDriverMakeTheKinds(
      String className, String driver, String exporterKind, String importerKind) {
    Machine machine = with(className, "Foo", driver, true);

    assertThat(Given.exporter(machine, "05:00.0").kind()).isEqualTo(exporterKind);
    assertThat(Given.importer(machine, "05:00.0").kind()).isEqualTo(importerKind);
    assertThat(Given.exporter(machine, "05:00.0").why()).isNotBlank();
    assertThat(Given.importer(machine, "05:00.0").why()).isNotBlank();
  }

  @ParameterizedTest
  @CsvSource({
    "Host bridge, foo, host bridge: no DMA of its own to give addresses to",
    "ISA bridge, foo, bridge to another bus: no DMA of its own to give addresses to",
    "PCI bridge, pcieport, 'bridge: passes on DMA, starts none'",
    "CardBus bridge, yenta_cardbus, 'bridge: passes on DMA, starts none'",
    "SMBus, i801_smbus, SMBus controller: no DMA of its own to give addresses to",
    "PIC, foo, system peripheral of the chipset: no DMA of its own to give addresses to",
    "IOMMU, foo, system peripheral of the chipset: no DMA of its own to give addresses to",
    "Performance counters, foo, "
        + "performance counter or signal processing: no DMA of its own to give addresses to",
    "RAM memory, foo, memory controller: no DMA of its own to give addresses to"
  })
  void theChipsetsOwnDevicesImportNothing(String className, String driver, String reason) {
    Machine machine = with(className, "Foo", driver, true);

    assertThat(machine.importerNamed("05:00.0")).isEmpty();
    assertThat(machine.ignored())
        .contains(new Ignored(Given.device(machine, "05:00.0"), Ignored.IMPORTER, reason));
  }

  @Test
  void aDeviceThatMayNotDoDmaImportsNothingUnlessUserSpaceDrivesIt() {
    Machine off = with("Ethernet controller", "Foo", "igb", false);
    Machine user = with("Ethernet controller", "Foo", "vfio-pci", false);

    assertThat(off.importerNamed("05:00.0")).isEmpty();
    assertThat(off.ignored())
        .extracting(Ignored::reason)
        .contains("BusMaster-: nobody has enabled its DMA");
    assertThat(Given.importer(user, "05:00.0").kind()).isEqualTo("iommufd");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "VGA compatible controller | NVIDIA Corporation GT218           | gpu-vram  | static",
        "Display controller        | Intel Corporation DG2 [Arc A770]   | gpu-vram  | static",
        "VGA compatible controller | Advanced Micro Devices, Inc. [AMD/ATI] Navi 21 | gpu-vram |"
            + " gpu-dynamic",
        "VGA compatible controller | Matrox Electronics Systems Ltd. G200 | vfio-pci | static",
        "Ethernet controller       | Mellanox Technologies MT2892 Family [ConnectX-6 Dx] |"
            + " rdma-mmio | rdma-odp",
        "Network controller        | Mellanox Technologies MT27500 Family [ConnectX-3] | rdma-mmio"
            + " | rdma-pinned",
        "Ethernet controller       | Amazon.com, Inc. Elastic Fabric Adapter (EFA) | rdma-mmio |"
            + " rdma-pinned",
        "Non-Volatile memory controller | Foo                            | vfio-pci  | rdma-pinned"
      })
  void withoutAnyDriverInTheListingClassAndVendorDecide(
      String className, String name, String exporterKind, String importerKind) {
    Machine machine =
        Given.parse(
            Given.device(
                "05:00.0 " + className + ": " + name,
                Given.control(true),
                "Region 0: Memory at 90000000 (64-bit, prefetchable) [size=16M]"));

    assertThat(Given.exporter(machine, "05:00.0").kind()).isEqualTo(exporterKind);
    assertThat(Given.importer(machine, "05:00.0").kind()).isEqualTo(importerKind);
    assertThat(machine.notes()).anySatisfy(n -> assertThat(n).startsWith("No driver is listed"));
  }

  @ParameterizedTest
  @CsvSource({
    "0x0300, DISPLAY",
    "0x0302, DISPLAY",
    "0x0200, NETWORK",
    "0x0207, NETWORK",
    "0x0108, NVME",
    "0x0104, STORAGE",
    "0x0600, HOST_BRIDGE",
    "0x0604, PCI_BRIDGE",
    "0x0601, OTHER_BRIDGE",
    "0x0680, OTHER_BRIDGE",
    "0x0c05, SMBUS",
    "0x0c03, SERIAL_BUS",
    "0x0880, SYSTEM",
    "0x1101, SIGNAL",
    "0x1200, ACCELERATOR",
    "0x0502, MEMORY",
    "0xff00, OTHER"
  })
  void aClassCodeSaysWhatADeviceIsFor(String code, DeviceClass expected) {
    assertThat(DeviceClass.of("whatever it is called", Integer.decode(code))).isEqualTo(expected);
  }

  @ParameterizedTest
  @CsvSource({
    "VGA compatible controller, DISPLAY",
    "3D controller, DISPLAY",
    "PCI bridge, PCI_BRIDGE",
    "Host bridge, HOST_BRIDGE",
    "ISA bridge, OTHER_BRIDGE",
    "Bridge, OTHER_BRIDGE",
    "USB Controller, SERIAL_BUS",
    "FireWire (IEEE 1394), SERIAL_BUS",
    "SD Host controller, SYSTEM",
    "Signal processing controller, SIGNAL",
    "Communication controller, OTHER",
    "Multimedia audio controller, MULTIMEDIA",
    "SMBus, SMBUS",
    "CXL, MEMORY"
  })
  void withoutACodeTheNameSaysIt(String name, DeviceClass expected) {
    assertThat(DeviceClass.of(name, -1)).isEqualTo(expected);
  }
}
