package dev.dmabufsim.simulator.machine;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One PCI function as {@code lspci -vv} shows it: a device, or a bridge.
 *
 * @param address where it sits
 * @param line the line of its header in the listing, from 1
 * @param className the class as printed, {@code VGA compatible controller}
 * @param classCode base class and subclass, or -1 where {@code -n} or {@code -nn} was not given
 * @param deviceClass what the class means here
 * @param title vendor and device as printed, without ids and revision
 * @param ids vendor and device id, where they are known
 * @param driver the kernel driver bound to it, if any
 * @param modules the kernel modules that could drive it
 * @param bars its own BARs, in order (not those of its virtual functions)
 * @param busMaster whether it may start DMA
 * @param express its kind of PCI Express port
 * @param acsCapability what access control it has, where printed
 * @param acsControl what access control is on, where printed
 * @param acsUnknown it may have access control, but the listing does not show what is on
 * @param capabilitiesHidden {@code <access denied>}: lspci ran without root
 * @param buses the bus numbers behind it, if it is a bridge
 * @param prefetchWindow the prefetchable addresses behind it, if it is a bridge
 * @param numaNode the memory node it is near, or -1
 * @param iommuGroup the IOMMU group, where printed
 * @param unreadable its configuration space did not answer (asleep, or gone from the bus)
 */
public record PciDevice(
    PciAddress address,
    int line,
    String className,
    int classCode,
    DeviceClass deviceClass,
    String title,
    @Nullable PciIds ids,
    @Nullable String driver,
    List<String> modules,
    List<Bar> bars,
    BusMaster busMaster,
    ExpressType express,
    @Nullable Acs acsCapability,
    @Nullable Acs acsControl,
    boolean acsUnknown,
    boolean capabilitiesHidden,
    @Nullable BusRange buses,
    @Nullable MemoryWindow prefetchWindow,
    int numaNode,
    @Nullable String iommuGroup,
    boolean unreadable) {

  /** A device whose lists cannot change any more. */
  public PciDevice {
    modules = List.copyOf(modules);
    bars = List.copyOf(bars);
  }

  /** Whether it has buses behind it: a PCI bridge, a port of a switch, a root port. */
  public boolean isBridge() {
    return buses != null;
  }

  /** Whether it is, or would be if it could be read, a bridge between PCI buses. */
  public boolean isBridgeByClass() {
    return isBridge() || deviceClass == DeviceClass.PCI_BRIDGE;
  }

  /** Whether peer-to-peer traffic that meets it is sent up to the root complex. */
  public boolean redirectsPeerToPeer() {
    return acsControl != null && acsControl.redirectsPeerToPeer();
  }

  /** Vendor and device, with the ids where known: for a report. */
  public String description() {
    return ids == null ? title : title + " [" + ids + "]";
  }

  PciDevice withBars(List<Bar> replaced) {
    return new PciDevice(
        address,
        line,
        className,
        classCode,
        deviceClass,
        title,
        ids,
        driver,
        modules,
        replaced,
        busMaster,
        express,
        acsCapability,
        acsControl,
        acsUnknown,
        capabilitiesHidden,
        buses,
        prefetchWindow,
        numaNode,
        iommuGroup,
        unreadable);
  }
}
