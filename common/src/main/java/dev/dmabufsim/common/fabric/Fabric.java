package dev.dmabufsim.common.fabric;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Pattern;

/**
 * One host's shared memory: a directory with a control file and a file for each segment.
 *
 * <p>Each process that uses it holds a shared lock on the file {@code owner} within, which the
 * kernel drops when the process dies, however it dies. So a fabric is garbage exactly when an
 * exclusive lock can be had; see {@link FabricSweeper}.
 */
public final class Fabric implements AutoCloseable {
  /** Where fabrics live: memory, shared by all processes of the host. */
  public static final Path SHM = Path.of("/dev/shm");

  /** What every fabric's directory name begins with. */
  public static final String PREFIX = "dmabuf-sim-";

  static final String OWNER = "owner";
  private static final String CONTROL = "control";
  private static final String SEGMENT = "segment-";
  private static final Pattern NUMBER = Pattern.compile("[0-9]{1,9}");

  private final Path directory;
  private final ControlFile control;
  private final FileChannel owner;

  private Fabric(Path directory, ControlFile control, FileChannel owner) {
    this.directory = directory;
    this.control = control;
    this.owner = owner;
  }

  /**
   * Creates an empty fabric under a name that no other has.
   *
   * @param shm the directory to create it in, {@link #SHM} but for tests
   * @param slotCapacity most attachments mapped at once
   * @throws IOException if there is no room, or the directory cannot be written
   */
  public static Fabric create(Path shm, int slotCapacity) throws IOException {
    long unique = ThreadLocalRandom.current().nextLong();
    String name = PREFIX + ProcessHandle.current().pid() + "-" + HexFormat.of().toHexDigits(unique);
    return create(shm.resolve(name), unique, slotCapacity);
  }

  /**
   * Opens the fabric of that name, or creates it if there is none: for nodes that are started by
   * hand and agree on a name.
   *
   * @param directory below {@link #SHM}, its name beginning with {@link #PREFIX}
   * @throws IOException if it can be neither opened nor created
   */
  public static Fabric join(Path directory, int slotCapacity) throws IOException {
    try {
      return open(directory);
    } catch (NoSuchFileException e) {
      try {
        return create(directory, ThreadLocalRandom.current().nextLong(), slotCapacity);
      } catch (FileSystemException second) {
        if (!Files.isDirectory(directory)) {
          throw second;
        }
        // Another node was quicker, and its directory cannot be renamed over.
        return open(directory);
      }
    }
  }

  private static Fabric create(Path directory, long id, int slotCapacity) throws IOException {
    Path staging =
        directory.resolveSibling(FabricSweeper.stagingName(HexFormat.of().toHexDigits(id)));
    Files.createDirectory(staging);
    FileChannel owner = null;
    try {
      owner = lockShared(staging, StandardOpenOption.CREATE_NEW);
      ControlFile control = ControlFile.create(staging.resolve(CONTROL), slotCapacity, id);
      // Only a locked and whole fabric ever has a name that a sweep looks at.
      Files.move(staging, directory, StandardCopyOption.ATOMIC_MOVE);
      return new Fabric(directory, control, owner);
    } catch (IOException e) {
      if (owner != null) {
        owner.close();
      }
      FabricSweeper.delete(staging);
      throw e;
    }
  }

  /**
   * Opens a fabric that another process created.
   *
   * @throws IOException if it is not there, or its control file is not one of this version
   */
  public static Fabric open(Path directory) throws IOException {
    if (!Files.isDirectory(directory)) {
      throw new NoSuchFileException(directory.toString(), null, "no fabric there");
    }
    FileChannel owner = lockShared(directory, StandardOpenOption.READ);
    try {
      return new Fabric(directory, ControlFile.open(directory.resolve(CONTROL)), owner);
    } catch (IOException e) {
      owner.close();
      throw e;
    }
  }

  private static FileChannel lockShared(Path directory, StandardOpenOption how) throws IOException {
    FileChannel channel =
        FileChannel.open(
            directory.resolve(OWNER), how, StandardOpenOption.READ, StandardOpenOption.WRITE);
    try {
      FileLock lock = channel.tryLock(0, Long.MAX_VALUE, true);
      if (lock == null) {
        channel.close();
        throw new IOException(directory + ": is being removed by another process");
      }
    } catch (OverlappingFileLockException e) {
      // This JVM holds the lock already, through another Fabric object: that serves as well.
    }
    return channel;
  }

  /** Where it is. */
  public Path directory() {
    return directory;
  }

  /** Its control file. */
  public ControlFile control() {
    return control;
  }

  /** Makes a guard for this process's devices. */
  public Guard guard() {
    return new Guard(control.memory());
  }

  /**
   * Creates a segment and reserves all of its memory, and the page behind it that says whose it is
   * ({@link SegmentDescriptor}), so that no later access finds /dev/shm full. It is nobody's.
   *
   * @param segment a number that no segment of this fabric has had
   * @param bytes its size, a multiple of the page size, without the page behind it
   * @throws IOException if there is no room: nothing is left behind then; or if it exists already
   */
  public void createSegment(int segment, long bytes) throws IOException {
    Path file = segmentFile(segment);
    long free = directory.toFile().getUsableSpace();
    long fileBytes = SegmentDescriptor.fileBytes(bytes);
    if (control.memoryRefused()) {
      throw new IOException("no room for a segment of " + bytes + " bytes: a fault's doing");
    }
    if (fileBytes > free) {
      // Asked first and not found out by filling it: what fills /dev/shm is the host's memory.
      throw new IOException(
          "no room for a segment of "
              + bytes
              + " bytes in "
              + directory
              + ": "
              + free
              + " bytes are free");
    }
    FileChannel created =
        FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    try (FileChannel channel = created) {
      ByteBuffer zeros = ByteBuffer.allocateDirect(1 << 16);
      long at = 0;
      while (at < fileBytes) {
        zeros.clear().limit((int) Math.min(zeros.capacity(), fileBytes - at));
        at += channel.write(zeros, at);
      }
    } catch (IOException e) {
      Files.deleteIfExists(file);
      throw new IOException("no room for a segment of " + bytes + " bytes in " + directory, e);
    }
  }

  /**
   * Maps a segment with the page behind it; closing the arena unmaps both.
   *
   * @throws IOException if it is not there (severed, or never was) or shorter than asked
   */
  public SegmentMemory mapSegment(int segment, long bytes, Arena arena) throws IOException {
    try (FileChannel channel = openSegment(segment)) {
      return map(segment, channel, channel.size(), bytes, arena);
    }
  }

  /**
   * Maps a segment, however large it is, with the page behind it.
   *
   * @throws IOException if it is not there (severed, or never was)
   */
  public SegmentMemory mapSegment(int segment, Arena arena) throws IOException {
    try (FileChannel channel = openSegment(segment)) {
      long size = channel.size();
      return map(segment, channel, size, Math.max(0, SegmentDescriptor.dataBytes(size)), arena);
    }
  }

  private FileChannel openSegment(int segment) throws IOException {
    return FileChannel.open(
        segmentFile(segment), StandardOpenOption.READ, StandardOpenOption.WRITE);
  }

  private static SegmentMemory map(
      int segment, FileChannel channel, long size, long bytes, Arena arena) throws IOException {
    long fileBytes = SegmentDescriptor.fileBytes(bytes);
    if (size < fileBytes) {
      // Mapping more than there is would grow the file: a severed one must never grow again.
      throw new IOException("segment " + segment + " has " + size + " bytes, not " + fileBytes);
    }
    MemorySegment all = channel.map(FileChannel.MapMode.READ_WRITE, 0, fileBytes, arena);
    return new SegmentMemory(all.asSlice(0, bytes), all.asSlice(bytes));
  }

  /**
   * Takes a segment's memory away from everybody who has it mapped: when this returns, no access to
   * it can succeed any more, anywhere on this host. The kernel unmaps the pages from every process
   * before ftruncate(2) returns; a copy in progress gets {@link InternalError}. The file is
   * unlinked and its number never used again.
   *
   * @throws IOException if the file cannot be truncated, and then nothing is proven
   */
  public void sever(int segment) throws IOException {
    Path file = segmentFile(segment);
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.truncate(0);
    }
    Files.delete(file);
  }

  /**
   * A fault's doing: the memory is gone, under whoever has it mapped, and the file is there still.
   *
   * @throws IOException if there is no such segment
   */
  public void truncate(int segment) throws IOException {
    try (FileChannel channel = FileChannel.open(segmentFile(segment), StandardOpenOption.WRITE)) {
      channel.truncate(0);
    }
  }

  /** Whether a segment is there: it was created, and neither severed nor removed. */
  public boolean hasSegment(int segment) {
    return Files.exists(segmentFile(segment));
  }

  /** Whether somebody has truncated a segment that is still there: nothing of it is left. */
  public boolean isTruncated(int segment) {
    try {
      return Files.size(segmentFile(segment)) == 0;
    } catch (IOException e) {
      // It is not there, or nothing can be said of it.
      return false;
    }
  }

  /**
   * Severs a segment of an exporter that is dead; one that is not there any more was severed.
   *
   * @throws IOException if it cannot be truncated, and then nothing is proven
   */
  public void severOrphan(int segment) throws IOException {
    try {
      sever(segment);
    } catch (NoSuchFileException e) {
      // Its exporter had done it, or somebody else who takes its memory back.
      return;
    }
  }

  /** The segments that there are. */
  public List<Integer> segments() throws IOException {
    List<Integer> segments = new ArrayList<>();
    try (DirectoryStream<Path> files = Files.newDirectoryStream(directory, SEGMENT + "*")) {
      for (Path file : files) {
        String number = String.valueOf(file.getFileName()).substring(SEGMENT.length());
        if (NUMBER.matcher(number).matches()) {
          segments.add(Integer.parseInt(number));
        }
      }
    }
    return segments;
  }

  /** Removes a segment that nobody uses. */
  public void removeSegment(int segment) throws IOException {
    Files.deleteIfExists(segmentFile(segment));
  }

  private Path segmentFile(int segment) {
    return directory.resolve(SEGMENT + segment);
  }

  /** Gives up this process's part; the directory stays. */
  @Override
  public void close() throws IOException {
    owner.close();
  }

  /** Gives it up and removes the directory and all that is in it. */
  public void remove() throws IOException {
    FabricSweeper.delete(directory);
    close();
  }
}
