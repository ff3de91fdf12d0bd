package dev.dmabufsim.simulator.scenario;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Nodes and devices that cannot be: the whole line that says so. */
class BadNodesTest {
  private static final String GPU = "gpu: {kind: vfio-pci, buffers: 4, size: 1MiB}";
  private static final String NIC = "nic: {kind: gpu-dynamic, attachments: 8}";
  private static final String IOMMU = "  iommu-1: {role: iommu}\n";
  private static final String ROLES =
      "; at least one exporter, one importer and exactly one iommu are needed";

  @ParameterizedTest(name = "{1} instead of {0}")
  @MethodSource("table")
  void isRefusedWithOneLine(String part, String instead, String expected) {
    assertThat(Given.refusal(Given.with(part, instead))).isEqualTo("s.yaml:" + expected);
  }

  static List<Arguments> table() {
    String size = "6: nodes.exporter-1.devices.gpu.size is ";
    String example = "; write a whole number and B, KiB, MiB or GiB, such as 1MiB";
    return List.of(
        arguments("1MiB", "-1MiB", size + "'-1MiB', a negative size" + example),
        arguments("1MiB", "0MiB", size + "'0MiB', nothing; write a size from 4KiB to 16GiB"),
        arguments("1MiB", "1.5MiB", size + "'1.5MiB', a fractional size" + example),
        arguments("1MiB", "1048576", size + "'1048576', a size without a unit" + example),
        arguments("1MiB", "1MB", size + "'1MB', a size in the unknown unit 'MB'; write MiB"),
        arguments("1MiB", "4kB", size + "'4kB', a size in the unknown unit 'kB'; write KiB"),
        arguments(
            "1MiB", "1 parsec", size + "'1 parsec', a size in the unknown unit 'parsec'" + example),
        arguments(
            "1MiB", "9000B", size + "'9000B', not a multiple of 4KiB; the nearest below is 8KiB"),
        arguments(
            "1MiB",
            "99999999999999999999GiB",
            size + "'99999999999999999999GiB', out of range; write a size from 4KiB to 16GiB"),
        arguments(
            "1MiB",
            "1GiB",
            "6: 8208MiB of shared memory needed (2 x all buffers + 16MiB, 8192MiB of it for gpu),"
                + " 1024MiB free; export fewer or smaller buffers, or free some of /dev/shm"),
        arguments(
            "vfio-pci",
            "vfio",
            "6: nodes.exporter-1.devices.gpu.kind is 'vfio', which is no kind of exporter; did you"
                + " mean 'vfio-pci'? legal here: vfio-pci, rdma-mmio, gpu-vram, system-heap,"
                + " udmabuf"),
        arguments(
            "gpu-dynamic",
            "gpu-dinamic",
            "10: nodes.importer-1.devices.nic.kind is 'gpu-dinamic', which is no kind of importer;"
                + " did you mean 'gpu-dynamic'? legal here: gpu-dynamic, iommufd, rdma-odp,"
                + " rdma-pinned, rdma-pinned-revocable, scanout, static, virtio-gpu"),
        arguments(
            "kind: vfio-pci, ",
            "",
            "6: missing key 'kind' in nodes.exporter-1.devices.gpu; such as 'kind: vfio-pci'"),
        arguments(
            "buffers: 4",
            "buffers: 65536",
            "6: nodes.exporter-1.devices.gpu.buffers is '65536', out of range; write a whole number"
                + " from 1 to 65535"),
        arguments(
            GPU,
            "{gpu: {kind: vfio-pci, buffers: 65535}, b: {kind: vfio-pci}}",
            "6: with this device there are 65536 buffers; at most 65535 in all"),
        arguments(
            NIC,
            NIC.replace("8", "65536") + "\n      b: {kind: iommufd}",
            "11: with this device there are 65537 attachments; at most 65536 in all"),
        arguments(
            "attachments: 8",
            "buffers: 8",
            "10: unknown key 'buffers' in nodes.importer-1.devices.nic; legal here: kind,"
                + " attachments, behaviour, overrun, ats, cpu-access, cpu-mapping, range, exporters"),
        arguments(
            "attachments: 8",
            "cpu-mapping: vmap",
            "10: nodes.importer-1.devices.nic.cpu-mapping is there, but no CPU accesses the buffers;"
                + " remove it, or write 'cpu-access: true'"),
        arguments(
            "attachments: 8",
            "cpu-access: true, cpu-mapping: kmap",
            "10: nodes.importer-1.devices.nic.cpu-mapping is 'kmap', which is no way for a CPU to map; did"
                + " you mean 'mmap'? legal here: mmap, vmap"),
        arguments(
            "attachments: 8",
            "range: {length: 4KiB}",
            "10: nodes.importer-1.devices.nic.range is there, but gpu-dynamic maps whole buffers;"
                + " remove it, or write a kind that takes addresses of a range, such as iommufd"),
        arguments(
            NIC,
            "nic: {kind: iommufd, range: {offset: 4KiB}}",
            "10: missing key 'length' in nodes.importer-1.devices.nic.range;"
                + " such as 'length: 32KiB'"),
        arguments(
            "attachments: 8",
            "behaviour: liar",
            "10: nodes.importer-1.devices.nic.behaviour is 'liar', which is no behaviour;"
                + " legal here: honest, slow, silent, lying, never-unmaps, writes-after-fence, maps-again,"
                + " keeps-address, skips-iotlb-flush"),
        arguments(
            "attachments: 8",
            "overrun: 1s",
            "10: nodes.importer-1.devices.nic.overrun is there, but a device that is honest has none;"
                + " remove it, or write a behaviour that has: slow, lying, keeps-address,"
                + " skips-iotlb-flush"),
        arguments(
            "attachments: 8",
            "behaviour: lying, overrun: 0s",
            "10: nodes.importer-1.devices.nic.overrun is '0s', out of range; write from 1us to"
                + " 10m"),
        arguments(
            "attachments: 8",
            "behaviour: silent, overrun: 1s",
            "10: nodes.importer-1.devices.nic.overrun is there, but a device that is silent has none;"
                + " remove it, or write a behaviour that has: slow, lying, keeps-address,"
                + " skips-iotlb-flush"),
        arguments(
            "attachments: 8",
            "ats: yes",
            "10: nodes.importer-1.devices.nic.ats is 'yes'; write true or false"),
        arguments(
            "attachments: 8",
            "behaviour: skips-iotlb-flush, ats: false",
            "10: nodes.importer-1.devices.nic.ats is false, but a device that is skips-iotlb-flush"
                + " has ATS; remove it: without ATS no device caches translations past the IOMMU"),
        arguments(
            "size: 1MiB",
            "revoke-by: eviction",
            "6: nodes.exporter-1.devices.gpu.revoke-by is 'eviction', which is no reason for"
                + " vfio-pci to revoke; legal here: reset, memory-disabled, hot-unplug, last-close"),
        arguments(
            "size: 1MiB",
            "revoke-by: [reset, rest]",
            "6: nodes.exporter-1.devices.gpu.revoke-by[1] is 'rest', which is no reason for"
                + " vfio-pci to revoke; did you mean 'reset'? legal here: reset, memory-disabled,"
                + " hot-unplug, last-close"),
        arguments(
            "size: 1MiB",
            "revoke-by: []",
            "6: nodes.exporter-1.devices.gpu.revoke-by names no reason; leave the key out, or write"
                + " of: reset, memory-disabled, hot-unplug, last-close"),
        arguments(
            "size: 1MiB",
            "revoke-by: ",
            "6: nodes.exporter-1.devices.gpu.revoke-by is empty; write a list, or leave the key"
                + " out"),
        arguments(
            "size: 1MiB",
            "revoke-by: [hot-unplug, reset]",
            "6: reset comes after hot-unplug, after which there is nothing left to revoke; put"
                + " hot-unplug last"),
        arguments(
            "vfio-pci, ",
            "udmabuf, revoke-by: reset, ",
            "6: nodes.exporter-1.devices.gpu.revoke-by is there, but udmabuf never revokes; remove"
                + " it, or write another kind"),
        arguments(
            "attachments: 8",
            "exporters: [gpuu]",
            "10: nodes.importer-1.devices.nic.exporters[0] is 'gpuu', which is no device of this"
                + " scenario; did you mean 'gpu'? legal here: gpu"),
        arguments(
            "attachments: 8",
            "exporters: [nic]",
            "10: nodes.importer-1.devices.nic.exporters[0] is 'nic', which is an importer;"
                + " exporters here: gpu"),
        arguments(
            "attachments: 8",
            "exporters: [gpu, gpu]",
            "10: 'gpu' is listed twice; name each exporter once"),
        arguments(
            "attachments: 8",
            "exporters: gpu",
            "10: nodes.importer-1.devices.nic.exporters is a single value; write a list, or leave"
                + " the key out"),
        arguments(
            NIC,
            NIC + "\n  importer-2:\n    role: importer\n    devices:\n      " + NIC.strip(),
            "14: a second importer 'nic', the first is in line 10; give each its own name"),
        arguments(
            NIC,
            NIC.replace("nic", "n/c"),
            "10: 'n/c' is no name for a device; write 1 to 64 letters, digits and any of : . _ -"),
        arguments(
            "importer-1",
            "Importer_1",
            "7: 'Importer_1' is no name for a node; write 1 to 32 lower-case letters, digits and"
                + " hyphens"),
        arguments(
            "role: importer",
            "role: imported",
            "8: nodes.importer-1.role is 'imported', which is no role; did you mean 'importer'?"
                + " legal here: exporter, importer, iommu"),
        arguments(
            "    role: importer\n",
            "",
            "7: missing key 'role' in nodes.importer-1; such as 'role: importer'"),
        arguments("role: exporter", "role: importer", "1: no node with 'role: exporter'" + ROLES),
        arguments(
            IOMMU,
            IOMMU + IOMMU.replace("1", "2"),
            "3: a second iommu, the first is iommu-1; a scenario is one host with one iommu for"
                + " now: keep one"),
        arguments(
            "{role: iommu}",
            "{role: iommu, devices: {a: {}}}",
            "2: iommu-1 is an iommu, which has no devices; remove 'devices'"),
        arguments(
            "    devices:\n      " + GPU + "\n",
            "",
            "3: exporter-1 is an exporter without devices; write at least one below 'devices:'"),
        arguments(
            "\n      " + NIC,
            " {}",
            "9: importer-1 is an importer without devices; write at least one below 'devices:'"),
        arguments(
            "\n      " + NIC,
            "",
            "9: nodes.importer-1.devices is empty; write a map: 'key: value'"),
        arguments(IOMMU, "", "1: no node with 'role: iommu'" + ROLES),
        arguments(
            "nodes:",
            "node:",
            "1: unknown key 'node'; did you mean 'nodes'? legal here: name, description,"
                + " modelled-on, contract, bound, revokes, dma, importers, nodes, faults, thresholds,"
                + " machine, cluster, refusals"));
  }

  @Test
  void aScenarioOfOneRoleLacksTheOthers() {
    assertThat(Given.refusal("name: a\nnodes: {iommu-1: {role: iommu}}\n"))
        .isEqualTo("s.yaml:2: no node with 'role: exporter'" + ROLES);
  }

  @Test
  void aScenarioWithoutNodesLacksThem() {
    assertThat(Given.refusal("\nname: a\n"))
        .isEqualTo(
            "s.yaml:2: neither 'nodes' nor 'machine' is there; write who takes part below"
                + " 'nodes:'");
  }

  @Test
  void sixtyFiveNodesAreTooMany() {
    String nodes =
        IntStream.rangeClosed(1, 65)
            .mapToObj(i -> "  n-" + i + ": {role: iommu}\n")
            .collect(Collectors.joining());
    assertThat(Given.refusal("nodes:\n" + nodes))
        .isEqualTo("s.yaml:1: 65 nodes; at most 64 are possible");
  }
}
