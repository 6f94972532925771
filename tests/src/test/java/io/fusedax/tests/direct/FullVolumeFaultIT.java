package io.fusedax.tests.direct;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.tests.support.Command;
import io.fusedax.tests.support.MountedVolume;
import io.fusedax.tests.support.Posix;
import io.fusedax.tests.support.PosixException;
import java.nio.file.Path;
import jnr.constants.platform.Errno;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** No block for a first store: SIGBUS for the program, as on ext4, and nothing else. */
final class FullVolumeFaultIT {
    private static final int PAGES = 16;

    @ParameterizedTest(name = "{0} on a region {1}")
    @CsvSource({"sync, memory", "plain, memory", "sync, signal", "sync, disk", "plain, disk"})
    void aStoreIntoAHoleOfAFullVolumeIsSigbus(String mode, String place) {
        MountedVolume.assumeMounted();
        try (MountedVolume volume = MapTest.volume(place, "dax=always").size("32M").mount()) {
            Path sparse = volume.resolve("sparse");
            int fd = Posix.create(sparse);
            Posix.ftruncate(fd, PAGES * 4096L);
            Posix.close(fd);
            fill(volume.resolve("fill"));
            Command store = MapTest.maptest("touch", sparse, PAGES, mode, "store");
            Command.Result full = store.run();
            assertEquals(1, full.exitCode(), full.toString());
            assertTrue(full.out().contains("SIGBUS code 2"), full.toString());
            MapTest.maptest("touch", sparse, PAGES, mode, "load").ok();
            Posix.unlink(volume.resolve("fill"));
            volume.sync();
            store.ok();
            assertEquals(false, volume.stats().get("read_only").asBoolean());
            volume.unmount();
            volume.assertClean();
        }
    }

    private static void fill(Path path) {
        int fd = Posix.create(path);
        byte[] block = new byte[4096];
        long at = 0;
        try {
            while (true) {
                at += Posix.pwrite(fd, block, at);
            }
        } catch (PosixException e) {
            assertEquals(Errno.ENOSPC, e.errno());
        }
        Posix.close(fd);
    }
}
