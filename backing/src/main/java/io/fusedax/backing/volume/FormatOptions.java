package io.fusedax.backing.volume;

import java.util.UUID;

/**
 * What mkfs is told.
 *
 * @param uuid identity of the volume
 * @param label at most 64 bytes of UTF-8
 * @param journalBytes size of the journal, or 0 for the default by region size
 * @param rootUid owner of the root directory
 * @param rootGid group of the root directory
 * @param hashSeedLow key of the directory hash
 * @param hashSeedHigh key of the directory hash
 * @param createdSeconds time stamp of the format, seconds since the epoch
 */
public record FormatOptions(
        UUID uuid,
        String label,
        long journalBytes,
        int rootUid,
        int rootGid,
        long hashSeedLow,
        long hashSeedHigh,
        long createdSeconds) {}
