package dev.dmabufsim.common.message;

import dev.dmabufsim.common.message.IommuMessage.SlotUse;

/**
 * One mapping of one attachment, told from the mapping which that attachment has later, so that a
 * message about the first that comes late does nothing to the second.
 *
 * @param attachment whose mapping
 * @param generation of the memory that it mapped
 * @param use what it is mapped for
 */
public record MappingId(int attachment, long generation, SlotUse use) {}
