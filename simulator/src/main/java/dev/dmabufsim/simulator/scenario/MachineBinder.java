package dev.dmabufsim.simulator.scenario;

import dev.dmabufsim.simulator.scenario.YamlTree.Mapping;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Binds {@code machine}: the path of a file of lspci output, or a map with options. */
final class MachineBinder {
  static final List<String> KEYS =
      List.of("file", "allow-host-bridge", "kinds", "buffers", "attachments", "memory");

  private MachineBinder() {}

  /** Binds it; the file's path is relative to that directory. */
  static MachineUse bind(Field field, ScenarioPaths paths, Importers importers)
      throws ScenarioException {
    if (!(field.tree() instanceof Mapping)) {
      Section none = Section.absent(field.keyAt(), field.path());
      return machine(field, none, paths, importers);
    }
    Section section = field.section(KEYS);
    return machine(section.need("file", "lspci.txt"), section, paths, importers);
  }

  private static MachineUse machine(
      Field file, Section section, ScenarioPaths paths, Importers importers)
      throws ScenarioException {
    Field bridge = section.find("allow-host-bridge");
    Field memory = section.find("memory");
    return new MachineUse(
        existing(file, paths),
        bridge != null && bridge.yesOrNo(),
        kinds(section, importers),
        section.count("buffers", Limits.BUFFERS, Defaults.MACHINE_BUFFERS),
        section.count("attachments", Limits.ATTACHMENTS, Defaults.MACHINE_ATTACHMENTS),
        memory == null
            ? Defaults.MACHINE_MEMORY_BYTES
            : memory.bytes(Limits.MACHINE_MEMORY_BYTES, Limits.BUFFER_STEP_BYTES));
  }

  private static Map<String, String> kinds(Section section, Importers importers)
      throws ScenarioException {
    Map<String, String> kinds = new LinkedHashMap<>();
    Field field = section.find("kinds");
    if (field == null) {
      return kinds;
    }
    for (var named : field.names().all().entrySet()) {
      String device = named.getKey();
      Field kind = named.getValue();
      if (!device.matches("[A-Za-z0-9:._-]{1,64}")) {
        throw new ScenarioException(
            kind.keyAt(),
            Quote.of(device) + " is no name for a device",
            "write its PCI address, such as 01:00.0");
      }
      kinds.put(device, importers.kind(kind));
    }
    return kinds;
  }

  private static String existing(Field file, ScenarioPaths paths) throws ScenarioException {
    String text = file.text();
    if (text.equals("-")) {
      return text;
    }
    try {
      Path path = paths.resolve(text, file.tree().at());
      if (Files.isRegularFile(path)) {
        return path.toString();
      }
    } catch (InvalidPathException e) {
      // No such file either.
    }
    throw file.wrong(
        file.path() + " is " + Quote.of(text) + ", which is no file",
        "write the path of the output of 'lspci -vvv'");
  }
}
