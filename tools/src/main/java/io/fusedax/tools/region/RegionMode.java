package io.fusedax.tools.region;

import java.util.Locale;
import java.util.Optional;

/** How a namespace is presented, with ndctl's names. */
public enum RegionMode {
    /** A block device without struct pages: no DAX. */
    RAW,
    /** A block device for a DAX file system. */
    FSDAX,
    /** A block device whose sectors are never torn (BTT): no DAX. */
    SECTOR,
    /** A character device to be mapped. */
    DEVDAX,
    /** Given to the kernel as ordinary memory. */
    SYSTEM_RAM;

    /** As ndctl prints it: {@code system-ram}. */
    public String word() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** What the attribute {@code mode} of a namespace says. */
    static Optional<RegionMode> ofNamespace(String attribute) {
        return switch (attribute) {
            case "raw" -> Optional.of(RAW);
            case "memory" -> Optional.of(FSDAX);
            case "safe" -> Optional.of(SECTOR);
            case "dax" -> Optional.of(DEVDAX);
            default -> Optional.empty();
        };
    }
}
