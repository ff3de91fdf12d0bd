package dev.dmabufsim.iommu;

import dev.dmabufsim.common.fabric.BufferJournal;
import dev.dmabufsim.common.fabric.BufferJournal.Phase;
import dev.dmabufsim.common.fabric.SlotMapping;
import dev.dmabufsim.common.message.IommuMessage.SlotRequest;
import dev.dmabufsim.common.message.IommuMessage.SlotUse;
import dev.dmabufsim.common.message.MappingId;
import dev.dmabufsim.common.message.Span;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Anything that exporters may ask of an IOMMU, sensible or not, late or twice; and deaths. */
final class RandomIommuEvents {
  /** Few, so that the table is full now and then. */
  static final int SLOTS = 10;

  private static final int BUFFERS = 3;
  private static final int EXPORTERS = 100;
  private static final int PROCESSES = 4;
  private static final int DEVICES = 2;
  private static final int ATTACHMENTS = 16;

  private final Random random;
  private final long[] epochs = new long[BUFFERS];

  RandomIommuEvents(long seed) {
    this.random = new Random(seed);
  }

  /** Devices do what they do between two events. */
  void dma(SlotTable slots) {
    for (int i = 0; i < 3; i++) {
      slots.dma(random.nextInt(SLOTS), random.nextInt(3) == 0);
    }
  }

  IommuEvent next(SlotTable slots) {
    int buffer = random.nextInt(BUFFERS);
    // Mostly of now, else late.
    long epoch = Math.max(0, epochs[buffer] - Math.max(0, random.nextInt(12) - 9));
    int kind = random.nextInt(1_000);
    if (kind < 380) {
      return new IommuEvent.Map(
          buffer,
          epoch,
          70 + buffer,
          generation(buffer, epoch),
          4096,
          random.nextInt(4) > 0,
          requests(buffer, generation(buffer, epoch), slots.state));
    } else if (kind < 600) {
      return new IommuEvent.Unmap(buffer, mappings(buffer, epoch));
    } else if (kind < 700) {
      if (random.nextInt(3) > 0) {
        epoch = ++epochs[buffer];
      }
      return new IommuEvent.Close(buffer, epoch, random.nextInt(1_000), slots.now);
    } else if (kind < 702) {
      return new IommuEvent.ProcessDied(random.nextInt(PROCESSES), "node");
    } else if (kind < 706) {
      return orphan(slots, buffer);
    } else if (kind < 720) {
      List<Integer> idleAndMore = new ArrayList<>(slots.sampled().idle());
      idleAndMore.addAll(List.of(-1, SLOTS, 1_000_000));
      return new IommuEvent.Sampled(idleAndMore, slots.now);
    }
    return slots.sampled();
  }

  /** The buffer's exporter dies; or is dead, and its buffers are looked for in the journal. */
  private IommuEvent orphan(SlotTable slots, int buffer) {
    int exporter = EXPORTERS + buffer;
    if (!slots.state.dead().contains(exporter)) {
      Phase phase = List.of(Phase.LIVE, Phase.REVOKING, Phase.REVOKED).get(random.nextInt(3));
      if (phase == Phase.REVOKING) {
        epochs[buffer]++;
      }
      slots.journal.put(
          buffer,
          new BufferJournal.Entry(
              buffer,
              buffer,
              exporter,
              70 + buffer,
              4096,
              generation(buffer, epochs[buffer]),
              epochs[buffer],
              phase));
      return new IommuEvent.ProcessDied(exporter, "exporter");
    }
    slots.severFails = random.nextBoolean();
    return orphans(slots);
  }

  /** What stands in the journal of buffers as new as any of their slots. */
  List<BufferJournal.Entry> buffers() {
    List<BufferJournal.Entry> entries = new ArrayList<>();
    for (int buffer = 0; buffer < BUFFERS; buffer++) {
      long epoch = epochs[buffer];
      entries.add(
          new BufferJournal.Entry(
              buffer,
              buffer,
              EXPORTERS + buffer,
              70 + buffer,
              4096,
              generation(buffer, epoch),
              epoch,
              Phase.LIVE));
    }
    return entries;
  }

  static IommuEvent orphans(SlotTable slots) {
    return new IommuEvent.Orphans(List.copyOf(slots.journal.values()), 500, slots.now);
  }

  private static long generation(int buffer, long epoch) {
    return 1 + buffer + BUFFERS * epoch;
  }

  /** An attachment belongs to one buffer and one device. */
  private int attachment(int buffer) {
    return random.nextInt(ATTACHMENTS) * BUFFERS + buffer;
  }

  /** Devices of some processes have ATS; each has a CPU mapping beside its DMA now and then. */
  private SlotUse use(int attachment) {
    if (random.nextInt(4) == 0) {
      return SlotUse.CPU;
    }
    return attachment / BUFFERS % PROCESSES == 0 ? SlotUse.ATS : SlotUse.DMA;
  }

  private List<SlotRequest> requests(int buffer, long generation, IommuState state) {
    List<SlotRequest> requests = new ArrayList<>();
    do {
      int attachment = attachment(buffer);
      int process = attachment / BUFFERS % PROCESSES;
      int device = attachment / BUFFERS / PROCESSES % DEVICES;
      // The one thing that exporters may not do: map the same memory anew for an attachment before
      // its unmap was answered. The two mappings would have one name.
      SlotUse use = use(attachment);
      MappingId mapping = new MappingId(attachment, generation, use);
      boolean unmapping = state.draining().values().stream().anyMatch(s -> s.id().equals(mapping));
      if (!unmapping
          && requests.stream().noneMatch(r -> r.attachment() == attachment && r.use() == use)) {
        requests.add(
            new SlotRequest(
                attachment, SlotMapping.deviceKey(process, device), process, use, Span.WHOLE));
      }
    } while (random.nextBoolean());
    return requests;
  }

  private List<MappingId> mappings(int buffer, long epoch) {
    List<MappingId> mappings = new ArrayList<>();
    do {
      int attachment = attachment(buffer);
      mappings.add(new MappingId(attachment, generation(buffer, epoch), use(attachment)));
    } while (random.nextBoolean());
    return mappings.stream().distinct().toList();
  }
}
