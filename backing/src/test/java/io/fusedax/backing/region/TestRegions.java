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

    private TestRegions() {}

    /** The kinds that any machine has. */
    static Stream<RegionKind> kinds() {
        return Stream.of(RegionKind.values()).filter(kind -> !kind.isDax());
    }

    /** Creates a region; its file, if it has one, is gone when it is closed. */
    static MappedRegion create(RegionKind kind, long sizeBytes) throws FsException, IOException {
        RegionOptions options = RegionOptions.defaults().withCreateSizeBytes(sizeBytes);
        if (kind == RegionKind.MEMFD) {
            return (MappedRegion) Regions.open(Path.of("memfd:test"), options);
        }
        Path directory =
                kind == RegionKind.TMPFS ? TMPFS : Path.of(System.getProperty("java.io.tmpdir"));
        Path file = Files.createTempFile(directory, "fusedax-region", ".img");
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
