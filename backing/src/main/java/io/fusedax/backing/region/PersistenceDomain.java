package io.fusedax.backing.region;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What survives a power cut on a piece of persistent memory, as the kernel tells it
 * (Documentation/ABI/testing/sysfs-bus-nvdimm, region persistence_domain).
 */
public enum PersistenceDomain {
    /** Nobody knows; also memory that is only called persistent (memmap=). */
    UNKNOWN,
    /** What reached the memory controller (ADR): caches must be written back. */
    MEMORY_CONTROLLER,
    /** What is in the caches, too (eADR). */
    CPU_CACHE;

    private static final String FILE = "persistence_domain";

    /**
     * The domain of the first device at or above {@code device} that tells one.
     *
     * @param device a folder in sysfs, such as that of /dev/dax0.0 or /dev/pmem0
     */
    public static PersistenceDomain of(Path device) {
        try {
            for (Path at = device.toRealPath(); at != null; at = at.getParent()) {
                Path file = at.resolve(FILE);
                if (Files.isReadable(file)) {
                    return named(Files.readString(file).strip());
                }
            }
        } catch (IOException e) { // the device has gone, or has no folder
            return UNKNOWN;
        }
        return UNKNOWN;
    }

    private static PersistenceDomain named(String name) {
        return switch (name) {
            case "memory_controller" -> MEMORY_CONTROLLER;
            case "cpu_cache" -> CPU_CACHE;
            default -> UNKNOWN;
        };
    }
}
