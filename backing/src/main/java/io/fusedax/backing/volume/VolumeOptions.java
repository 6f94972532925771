package io.fusedax.backing.volume;

import java.time.InstantSource;

/**
 * How a volume is opened.
 *
 * @param readOnly refuse every change (EROFS); a journal that needs recovery is replayed in private
 *     memory, the media stays untouched
 * @param commitIntervalMillis age at which the running transaction is committed by itself; 0: never
 * @param metadataCacheBytes bound of the metadata buffer cache, at least 1 MiB
 * @param inodeCacheEntries bound of the inode cache (open inodes may exceed it), at least 64
 * @param atime when reads update the access time
 * @param clock source of time stamps
 */
public record VolumeOptions(
        boolean readOnly,
        long commitIntervalMillis,
        long metadataCacheBytes,
        int inodeCacheEntries,
        AtimeMode atime,
        InstantSource clock) {

    /** Access time rules of mount(8). */
    public enum AtimeMode {
        NOATIME,
        RELATIME,
        STRICTATIME
    }

    /** ext4's defaults: relatime, commit every 5 s; 64 MiB of metadata, 65,536 inodes. */
    public static VolumeOptions defaults() {
        return new VolumeOptions(
                false, 5_000, 64L << 20, 1 << 16, AtimeMode.RELATIME, new CoarseClock());
    }

    public VolumeOptions withReadOnly(boolean value) {
        return new VolumeOptions(
                value, commitIntervalMillis, metadataCacheBytes, inodeCacheEntries, atime, clock);
    }

    public VolumeOptions withCommitIntervalMillis(long value) {
        return new VolumeOptions(
                readOnly, value, metadataCacheBytes, inodeCacheEntries, atime, clock);
    }

    public VolumeOptions withCaches(long newMetadataCacheBytes, int newInodeCacheEntries) {
        return new VolumeOptions(
                readOnly,
                commitIntervalMillis,
                newMetadataCacheBytes,
                newInodeCacheEntries,
                atime,
                clock);
    }

    public VolumeOptions withAtime(AtimeMode value) {
        return new VolumeOptions(
                readOnly,
                commitIntervalMillis,
                metadataCacheBytes,
                inodeCacheEntries,
                value,
                clock);
    }

    public VolumeOptions withClock(InstantSource value) {
        return new VolumeOptions(
                readOnly,
                commitIntervalMillis,
                metadataCacheBytes,
                inodeCacheEntries,
                atime,
                value);
    }
}
