package io.fusedax.backing.region;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.fusedax.backing.FsException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import jnr.constants.platform.Errno;

/** Regions of every kind for tests. */
final class TestRegions {
    private static final Path TMPFS = Path.of("/dev/shm");

    /** A folder on a file system in DAX mode: only virtual machines have one. */
    private static final String DAX_FOLDER = System.getProperty("fusedax.test.fsdax");

    private TestRegions() {}

    /** The kinds that can be made here, of a size to choose. */
    static Stream<RegionKind> kinds() {
        return Stream.of(RegionKind.values())
                .filter(kind -> kind != RegionKind.DEVDAX)
                .filter(kind -> kind != RegionKind.FSDAX || DAX_FOLDER != null);
    }

    private static Path folder(RegionKind kind) {
        return switch (kind) {
            case TMPFS -> TMPFS;
            case FSDAX -> Path.of(DAX_FOLDER);
            default -> Path.of(System.getProperty("java.io.tmpdir"));
        };
    }

    /** Creates a region; its file, if it has one, is gone when it is closed. */
    static MappedRegion create(RegionKind kind, long sizeBytes) throws FsException, IOException {
        RegionOptions options = RegionOptions.defaults().withCreateSizeBytes(sizeBytes);
        if (kind == RegionKind.MEMFD) {
            return (MappedRegion) Regions.open(Path.of("memfd:test"), options);
        }
        Path file = Files.createTempFile(folder(kind), "fusedax-region", ".img");
        try {
            MappedRegion region = (MappedRegion) Regions.open(file, options);
            assertEquals(kind, region.kind());
            return region;
        } finally {
            Files.delete(file);
        }
    }

    static FsException assertRefused(Errno errno, Path path, RegionOptions options) {
        FsException e = assertThrows(FsException.class, () -> Regions.open(path, options).close());
        assertEquals(errno, e.errno(), e.getMessage());
        return e;
    }
}
