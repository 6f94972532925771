package io.fusedax.backing.volume;

import java.util.UUID;

/**
 * Facts of an open volume.
 *
 * @param uuid identity
 * @param label name given by the user
 * @param featureCompat compatible features
 * @param featureIncompat incompatible features
 * @param featureRoCompat read-only compatible features
 * @param totalBlocks blocks of 4 KiB in the region
 * @param groupCount block groups
 * @param journalBytes size of the journal's log
 * @param recoveredTransactions transactions that opening replayed
 * @param openMicros time that opening took, recovery included
 * @param errorCount inconsistencies met since the last fsck
 */
public record VolumeSummary(
        UUID uuid,
        String label,
        int featureCompat,
        int featureIncompat,
        int featureRoCompat,
        long totalBlocks,
        long groupCount,
        long journalBytes,
        long recoveredTransactions,
        long openMicros,
        long errorCount) {}
