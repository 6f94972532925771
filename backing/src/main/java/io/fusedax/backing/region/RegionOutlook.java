package io.fusedax.backing.region;

import io.fusedax.backing.FsException;
import java.nio.file.Path;

/**
 * What a path would be as a region, found without locking, mapping or changing it.
 *
 * @param kind what it lies on
 * @param sizeBytes usable size: whole alignment units
 * @param alignmentBytes what mappings of it must be aligned to
 * @param flushMechanism what makes stores durable there, unless an option says otherwise
 * @param reason why this mechanism, in words
 */
public record RegionOutlook(
        RegionKind kind,
        long sizeBytes,
        int alignmentBytes,
        FlushMechanism flushMechanism,
        String reason) {

    /**
     * Looks at a file or device.
     *
     * @throws FsException as {@link Regions#open} throws for what cannot be a region
     */
    public static RegionOutlook of(Path path) throws FsException {
        try (Descriptor name = Descriptor.openName(path)) {
            Regions.checkType(name);
            try (Descriptor descriptor = name.reopen(Libc.O_RDONLY)) {
                return of(descriptor);
            }
        }
    }

    private static RegionOutlook of(Descriptor descriptor) throws FsException {
        RegionKind kind = Regions.kindOf(descriptor);
        boolean device = kind == RegionKind.DEVDAX;
        DaxDevice dax = device ? Regions.deviceOf(descriptor) : null;
        int alignmentBytes = device ? dax.alignmentBytes() : Region.PAGE_BYTES;
        long bytes = device ? dax.sizeBytes() : descriptor.status().sizeBytes();
        FlushMechanism mechanism = Regions.automaticMechanism(kind, descriptor);
        return new RegionOutlook(
                kind,
                bytes & -(long) alignmentBytes,
                alignmentBytes,
                mechanism,
                reason(kind, mechanism));
    }

    private static String reason(RegionKind kind, FlushMechanism mechanism) {
        return switch (mechanism) {
            case MSYNC -> "the page cache lies between stores and the disk";
            case LIBPMEM -> "caches must be written back; libpmem is installed";
            case JDK -> "caches must be written back; libpmem is not installed (Debian: libpmem1)";
            case FENCE ->
                    kind.isDax()
                            ? "the platform keeps its caches when power fails (eADR)"
                            : "it is memory: there is nothing to write back to";
            case NONE -> "it is read-only";
        };
    }
}
