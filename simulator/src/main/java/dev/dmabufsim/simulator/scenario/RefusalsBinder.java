package dev.dmabufsim.simulator.scenario;

import dev.dmabufsim.cluster.Role;
import dev.dmabufsim.common.contract.Errno;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** Binds {@code refusals}. */
final class RefusalsBinder {
  private static final List<String> KEYS = List.of("exporter", "importer", "errno", "because");

  /** What attach, or a map, can answer about a pair of devices. */
  private static final Set<Errno> ERRNOS =
      EnumSet.of(Errno.ENOMEM, Errno.EBUSY, Errno.ENODEV, Errno.EINVAL, Errno.EOPNOTSUPP);

  private RefusalsBinder() {}

  /** Binds them; without an inventory (the nodes are still to be made) any device may be named. */
  static List<Refusal> bind(Section root, Optional<Inventory> inventory) throws ScenarioException {
    List<Refusal> refusals = new ArrayList<>();
    Set<List<String>> pairs = new HashSet<>();
    for (Field item : root.items("refusals")) {
      Section section = item.section(KEYS);
      String exporter = device(section, Role.EXPORTER, inventory);
      String importer = device(section, Role.IMPORTER, inventory);
      Field errnoField = section.find("errno");
      Errno errno =
          errnoField == null
              ? Defaults.REFUSAL_ERRNO
              : errnoField.choice("errno that attaching answers", RefusalsBinder::errno, errnos());
      String reason = section.need("because", "no path below a common switch").text();
      if (!pairs.add(List.of(exporter, importer))) {
        throw item.wrong(
            "a second refusal between " + exporter + " and " + importer, "keep one of them");
      }
      refusals.add(new Refusal(exporter, importer, errno, reason));
    }
    return refusals;
  }

  private static String device(Section section, Role role, Optional<Inventory> inventory)
      throws ScenarioException {
    Field field = section.need(role.label(), "0000:17:00.0");
    return inventory.isPresent() ? inventory.get().device(field, role) : field.text();
  }

  private static Optional<Errno> errno(String label) {
    return ERRNOS.stream().filter(e -> e.name().equals(label)).findFirst();
  }

  private static String errnos() {
    return ERRNOS.stream().map(Errno::name).collect(Collectors.joining(", "));
  }
}
