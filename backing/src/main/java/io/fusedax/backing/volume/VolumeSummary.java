package io.fusedax.backing.volume;

import io.fusedax.backing.region.FlushMechanism;
import io.fusedax.backing.region.RegionKind;
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
 * @param regionKind what the region lies on
 * @param alignmentBytes what mappings of the region must be aligned to
 * @param flushMechanism what makes stores durable
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
        long errorCount,
        RegionKind regionKind,
        int alignmentBytes,
        FlushMechanism flushMechanism) {}
