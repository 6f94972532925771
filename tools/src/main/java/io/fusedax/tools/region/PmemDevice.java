package io.fusedax.tools.region;

import io.fusedax.backing.region.BadBlocks;
import io.fusedax.backing.region.PersistenceDomain;
import java.nio.file.Path;
import java.util.List;

/**
 * A namespace, a device-dax without one, or the free space of an nd region. What sysfs does not
 * tell, or tells nonsense of, is null.
 *
 * @param type what it is made of
 * @param provider name of its nd bus; null outside of them
 * @param region nd region, by its name in sysfs
 * @param namespace by its name in sysfs; null for free space and where there are none
 * @param mode null for free space
 * @param deviceName as in {@code pmem0} or {@code dax0.0}; null where the device is disabled
 * @param deviceFolder the device's real folder in sysfs; null with the name
 * @param sizeBytes usable bytes
 * @param alignmentBytes what mappings must be aligned to
 * @param sectorBytes of a block device that has a choice
 * @param numaNode null where there is but one
 * @param persistenceDomain what survives a power cut
 * @param badBlocks ranges in bytes from the device's start; all of a region's where it is free
 * @param holders block devices on top of it, as in {@code dm-0}
 * @param problems what could not be read, and why
 */
public record PmemDevice(
        RegionType type,
        String provider,
        String region,
        String namespace,
        RegionMode mode,
        String deviceName,
        Path deviceFolder,
        Long sizeBytes,
        Long alignmentBytes,
        Long sectorBytes,
        Long numaNode,
        String uuid,
        PersistenceDomain persistenceDomain,
        List<BadBlocks.Range> badBlocks,
        List<String> holders,
        List<String> problems) {

    /** Whether it is free space of a region, to be made a namespace. */
    public boolean isFree() {
        return mode == null && namespace == null;
    }

    /** Where programs find it; null where the device is disabled. */
    public Path path() {
        return deviceName == null ? null : Path.of("/dev").resolve(deviceName);
    }

    /** The name for messages. */
    public String name() {
        if (deviceName != null) {
            return path().toString();
        }
        return namespace == null ? region : namespace;
    }
}
