package dev.dmabufsim.iommu;

import dev.dmabufsim.common.fabric.Fabric;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.extension.AnnotatedElementContext;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.io.TempDirFactory;

/** Puts a test's {@code @TempDir} where fabrics live, under a name that no sweep looks at. */
final class InSharedMemory implements TempDirFactory {
  @Override
  public Path createTempDirectory(AnnotatedElementContext element, ExtensionContext test)
      throws IOException {
    return Files.createTempDirectory(Fabric.SHM, "test-of-dmabuf-sim-");
  }
}
