package dev.dmabufsim.common.driver;

import dev.dmabufsim.common.contract.FenceUsage;
import java.time.Duration;
import java.util.List;
import java.util.Objects;

/**
 * What an importer and its hardware do after an invalidation. All times are from the moment at
 * which {@code invalidate_mappings()} was called, but where it says otherwise.
 *
 * <pre>
 *   call        return      engine stops          unmap
 *   |--callback--|              |                   |
 *   |---- reads and writes ----|-- discarded reads -|     of an honest one; fences signal when the
 *   invalidated                 fenced               drained     engine has stopped, and not before
 * </pre>
 *
 * @param callback how long the callback runs before it returns
 * @param engineStops until when the engine goes on reading and writing. If the callback itself
 *     stops it ({@link Unmap#IN_CALLBACK}), the callback does not return before that
 * @param discardedReads whether, from then until the unmap, the engine goes on reading
 *     speculatively and throws away what it reads
 * @param fences the fences that it puts on the reservation object in the callback
 * @param unmap when it unmaps
 * @param unmapDelay by how much later than {@code unmap} says; ignored in the callback
 * @param afterwards what it does then
 * @param deviations what no importer may do
 */
public record Reaction(
    Duration callback,
    Duration engineStops,
    boolean discardedReads,
    List<PlannedFence> fences,
    Unmap unmap,
    Duration unmapDelay,
    Afterwards afterwards,
    Deviations deviations) {

  /** When an importer unmaps. */
  public enum Unmap {
    /** Within the callback, when the engine has stopped and before the callback returns. */
    IN_CALLBACK,
    /** When all of its fences have signalled. */
    AFTER_FENCES,
    /** Never. */
    NEVER
  }

  /** What an importer does after the unmap. */
  public enum Afterwards {
    /** It asks for a map again at its next use, ever more seldom until it is given one. */
    MAP_AGAIN,
    /**
     * It takes the invalidation as permanent: it unpins and detaches. To go on, its user registers
     * the memory anew, which is a new attachment.
     */
    REGISTER_ANEW,
    /** It stays attached and asks no more. */
    STAY_AWAY
  }

  /**
   * A fence.
   *
   * @param usage under which it is put on the reservation object
   * @param trigger what it waits for
   * @param delay how long after that it signals
   * @param error whether it signals with an error, which counts as signalled
   */
  public record PlannedFence(FenceUsage usage, Trigger trigger, Duration delay, boolean error) {
    /** Its delay is bounded as a reaction's times are. */
    public PlannedFence {
      Objects.requireNonNull(usage, "usage");
      Objects.requireNonNull(trigger, "trigger");
      delay = bounded(delay);
    }

    /** One that signals, without error, that long after the engine has really stopped. */
    public static PlannedFence afterStop(FenceUsage usage, Duration delay) {
      return new PlannedFence(usage, Trigger.ENGINE_STOPPED, delay, false);
    }
  }

  /** What a fence waits for. */
  public enum Trigger {
    /** The engine has stopped reading and writing: what an honest fence means. */
    ENGINE_STOPPED,
    /** The callback was called, whatever the engine does: a fence that may lie. */
    INVALIDATED,
    /** Nothing makes it signal. */
    NEVER
  }

  /**
   * What breaks the contract.
   *
   * @param writesWhenFenced whether the engine writes where it may only read and discard
   * @param oldAddressFor for how long after the unmap it uses the address that it had, looking it
   *     up anew each time
   * @param oldTranslationFor for how long after the unmap it uses the translation which it has
   *     cached; with ATS, past the IOMMU's permission
   * @param hammersMap whether it asks for a map, and to be attached if it registers anew, without
   *     any pause while it is refused
   */
  public record Deviations(
      boolean writesWhenFenced,
      Duration oldAddressFor,
      Duration oldTranslationFor,
      boolean hammersMap) {
    /** Its times are bounded as a reaction's are. */
    public Deviations {
      oldAddressFor = bounded(oldAddressFor);
      oldTranslationFor = bounded(oldTranslationFor);
    }

    /** None. */
    public static final Deviations NONE =
        new Deviations(false, Duration.ZERO, Duration.ZERO, false);
  }

  /** Most fences of one attachment at a time. */
  public static final int MOST_FENCES = 64;

  /** Longer than any run: what is longer is as long. */
  public static final Duration FOR_EVER = Duration.ofDays(365);

  /**
   * Takes a copy of the fences. A time that is negative is zero, and one that is longer than {@link
   * #FOR_EVER} is that.
   *
   * @throws IllegalArgumentException if there are more than {@link #MOST_FENCES}
   * @throws NullPointerException if a part is missing
   */
  public Reaction {
    callback = bounded(callback);
    engineStops = bounded(engineStops);
    unmapDelay = bounded(unmapDelay);
    Objects.requireNonNull(unmap, "unmap");
    Objects.requireNonNull(afterwards, "afterwards");
    Objects.requireNonNull(deviations, "deviations");
    if (fences.size() > MOST_FENCES) {
      throw new IllegalArgumentException(
          fences.size() + " fences on one buffer: at most " + MOST_FENCES + " are possible");
    }
    fences = List.copyOf(fences);
  }

  private static Duration bounded(Duration time) {
    if (time.isNegative()) {
      return Duration.ZERO;
    }
    return time.compareTo(FOR_EVER) > 0 ? FOR_EVER : time;
  }

  /** Stops its engine and unmaps within a callback that takes so long. */
  public static Reaction inCallback(Duration takes, Afterwards afterwards) {
    return new Reaction(
        takes,
        takes,
        false,
        List.of(),
        Unmap.IN_CALLBACK,
        Duration.ZERO,
        afterwards,
        Deviations.NONE);
  }
}
