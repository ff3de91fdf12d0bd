package dev.dmabufsim.simulator.scenario;

import dev.dmabufsim.common.contract.Behaviour;
import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.fault.FaultPoint;
import java.time.Duration;

/** What an option is when a scenario does not state it. */
public final class Defaults {
  /** {@code contract}. */
  public static final Contract CONTRACT = Contract.ENFORCED;

  /** {@code bound.ask}. */
  public static final Duration ASK = Duration.ofSeconds(1);

  /** {@code bound.block}. */
  public static final Duration BLOCK = Duration.ofMillis(250);

  /** {@code bound.sever}. */
  public static final Duration SEVER = Duration.ofMillis(250);

  /** {@code revokes.rounds}. */
  public static final int ROUNDS = 10;

  /** {@code revokes.every}. */
  public static final Duration EVERY = Duration.ofMillis(100);

  /** {@code revokes.hold}. */
  public static final Duration HOLD = Duration.ofMillis(10);

  /** {@code revokes.limit}, in totals of the bound. */
  public static final int LIMIT_BOUNDS = 2;

  /** The lower end of {@code dma.sizes}. */
  public static final long DMA_MIN_BYTES = 64;

  /** The upper end of {@code dma.sizes}, or the size of the smallest buffer if that is less. */
  public static final long DMA_MAX_BYTES = 1L << 20;

  /** {@code dma.reads}. */
  public static final double READ_FRACTION = 0.5;

  /** {@code dma.duty}. */
  public static final double DUTY = 0.25;

  /** {@code buffers} of an exporter device. */
  public static final int BUFFERS = 1;

  /** {@code size} of an exporter device's buffers, and of a machine's. */
  public static final long BUFFER_BYTES = 1L << 20;

  /** {@code attachments} of an importer device. */
  public static final int ATTACHMENTS = 1;

  /** {@code behaviour} of an importer device. */
  public static final Behaviour BEHAVIOUR = Behaviour.HONEST;

  /** {@code at} of a fault. */
  public static final FaultPoint FAULT_POINT = FaultPoint.IMPORTER_INVALIDATED;

  /** {@code revoke} of a fault. */
  public static final int FAULT_ROUND = 1;

  /** {@code by} of a fault that reorders messages: the least. */
  public static final Duration REORDER_MIN = Duration.ZERO;

  /** {@code by} of a fault that reorders messages: the most. */
  public static final Duration REORDER_MAX = Duration.ofMillis(20);

  /** {@code errno} of a refusal: what the kernel-doc of {@code dma_buf_ops.attach} says. */
  public static final Errno REFUSAL_ERRNO = Errno.EBUSY;

  /** {@code machine.buffers}. */
  public static final int MACHINE_BUFFERS = 4;

  /** {@code machine.attachments}. */
  public static final int MACHINE_ATTACHMENTS = 16;

  /** {@code machine.memory}: what all exported BARs together come to. */
  public static final long MACHINE_MEMORY_BYTES = 256L << 20;

  /** {@code cluster.port}: a free one. */
  public static final int PORT = 0;

  private Defaults() {}

  /** {@code overrun} of an importer device; zero where the behaviour takes none. */
  public static Duration overrun(Behaviour behaviour) {
    return switch (behaviour) {
      case LYING -> Duration.ofMillis(200);
      case SLOW -> Duration.ofMillis(1500);
      case KEEPS_ADDRESS, SKIPS_IOTLB_FLUSH -> Duration.ofMillis(300);
      case HONEST, SILENT, NEVER_UNMAPS, WRITES_AFTER_FENCE, MAPS_AGAIN -> Duration.ZERO;
    };
  }
}
