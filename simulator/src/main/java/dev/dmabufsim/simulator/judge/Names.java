package dev.dmabufsim.simulator.judge;

import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.history.HistoryLine;
import java.util.HashMap;
import java.util.Map;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/** Who is who in a run, and when what happened: gathered while its histories are read. */
final class Names {
  static final String UNKNOWN = "unknown";

  private static final long NANOS_PER_MICRO = 1000;

  private record Mapper(int buffer, String importer, String kind) {}

  private record Memory(int buffer, long generation) {}

  private final Map<Integer, HistoryEvent.Exported> buffers = new HashMap<>();
  private final Map<Integer, Mapper> mappers = new HashMap<>();
  private final Map<Memory, Long> completed = new HashMap<>();
  private final Map<Memory, Integer> tenancies = new HashMap<>();
  private @Nullable Long firstNanos;

  void accept(HistoryLine line) {
    if (firstNanos == null) {
      firstNanos = line.nanos();
    }
    if (line.event() instanceof HistoryEvent.Exported e) {
      buffers.put(e.buffer(), e);
    } else if (line.event() instanceof HistoryEvent.Attached e) {
      e.attachments()
          .forEach(id -> mappers.put(id, new Mapper(e.buffer(), e.importer(), e.kind())));
    } else if (line.event() instanceof HistoryEvent.RevokeCompleted e) {
      completed.put(new Memory(e.buffer(), e.generation()), line.nanos());
    } else if (line.event() instanceof HistoryEvent.HandedOver e) {
      tenancies.put(new Memory(e.segment(), e.tenantGeneration()), e.buffer());
    }
  }

  HistoryEvent.@Nullable Exported exported(int buffer) {
    return buffers.get(buffer);
  }

  /** A buffer's number on its node. */
  static int number(int buffer) {
    return buffer & 0xffff;
  }

  /** The device that exported a buffer. */
  String exporter(int buffer) {
    HistoryEvent.Exported e = buffers.get(buffer);
    return e == null ? UNKNOWN : e.device();
  }

  /** The device that an attachment is of. */
  String importer(int attachment) {
    Mapper mapper = mappers.get(attachment);
    return mapper == null ? UNKNOWN : mapper.importer;
  }

  /** The buffer that an attachment is to. */
  int buffer(int attachment, int otherwise) {
    Mapper mapper = mappers.get(attachment);
    return mapper == null ? otherwise : mapper.buffer;
  }

  /** The kind of importer that an attachment is of. */
  String kind(int attachment) {
    Mapper mapper = mappers.get(attachment);
    return mapper == null ? UNKNOWN : mapper.kind;
  }

  /** Whose memory a next owner got; 0 if no history tells. */
  int before(HistoryEvent.Scanned e) {
    return tenancies.getOrDefault(new Memory(e.segment(), e.tenantGeneration()), 0);
  }

  /** An attachment, with all that is known of it. */
  String who(int attachment, String otherwise) {
    Mapper mapper = mappers.get(attachment);
    return mapper == null
        ? otherwise + ", attachment " + attachment
        : "attachment %d (%s, %s, buffer %s)"
            .formatted(attachment, mapper.importer, mapper.kind, name(mapper.buffer));
  }

  /** A buffer. */
  String name(int buffer) {
    HistoryEvent.Exported e = buffers.get(buffer);
    return number(buffer) + (e == null ? "" : " of " + e.device());
  }

  /** Since the first line. */
  long micros(long nanos) {
    return firstNanos == null ? 0 : (nanos - firstNanos) / NANOS_PER_MICRO;
  }

  /**
   * Since the revoke of that memory had completed. The exporter takes the memory first and writes
   * that down afterwards, so an access may seem to be earlier, by less than a millisecond: then it
   * is 0.
   */
  OptionalLong microsAfterRevoke(HistoryEvent.Late e) {
    Long at = completed.get(new Memory(e.buffer(), e.generation()));
    return at == null
        ? OptionalLong.empty()
        : OptionalLong.of(Math.max(0, (e.sinceNanos() - at) / NANOS_PER_MICRO));
  }
}
