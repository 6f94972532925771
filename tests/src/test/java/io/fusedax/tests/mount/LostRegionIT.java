package io.fusedax.tests.mount;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.fusedax.tests.support.Await;
import io.fusedax.tests.support.Command;
import io.fusedax.tests.support.MountedVolume;
import io.fusedax.tests.support.Posix;
import io.fusedax.tests.support.PosixException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The region's file is cut, removed, or gets no storage from the host, while it is mounted. */
final class LostRegionIT {
    private static final int PAGE = 4096;
    private static final int PAGES = 1024;
    private static final int WARM_UP_READS = 30_000; // until the copying is compiled code
    private static final Duration LIMIT = Duration.ofSeconds(20);

    private static MountedVolume volume(String place) {
        MountedVolume.assumeMounted();
        // Without the page cache: every read is the daemon's.
        MountedVolume.Builder builder =
                MountedVolume.builder().size("64M").mountOptions("dax=always");
        return (place.equals("disk") ? builder.onDisk() : builder).mount();
    }

    private static byte[] random(int pages) {
        byte[] content = new byte[pages * PAGE];
        new Random(7).nextBytes(content);
        return content;
    }

    @ParameterizedTest(name = "region on {0}")
    @ValueSource(strings = {"memory", "disk"})
    void aRegionThatIsCutIsReadOnlyAndNeverAnswersWithNonsense(String place) throws IOException {
        try (MountedVolume volume = volume(place)) {
            byte[] content = random(PAGES);
            Path file = Files.write(volume.resolve("file"), content);
            volume.sync();
            long daemon = volume.daemonPid();
            int fd = Posix.open(file, Posix.O_RDONLY);
            for (int i = 0; i < WARM_UP_READS; i++) {
                Posix.pread(fd, PAGE, (long) (i % PAGES) * PAGE);
            }
            Posix.truncate(volume.region(), 0);
            for (int i = 0; i < PAGES; i++) {
                long at = (long) i * PAGE;
                PosixException e =
                        assertThrows(PosixException.class, () -> Posix.pread(fd, PAGE, at));
                assertEquals(Errno.EIO, e.errno(), "page " + i);
            }
            Posix.close(fd);
            Await.until("the volume says so", LIMIT, () -> volume.stats().has("problem"));
            JsonNode stats = volume.stats();
            assertTrue(stats.get("read_only").asBoolean(), stats.toString());
            assertTrue(stats.get("problem").asText().contains("cut to 0 bytes"), stats.toString());
            assertThrows(IOException.class, () -> Files.createFile(volume.resolve("new")));
            assertEquals(daemon, volume.daemonPid(), "the daemon lives");
            volume.unmount();
        }
    }

    @Test
    void aCutRegionAcknowledgesNoSync() throws IOException {
        try (MountedVolume volume = volume("memory")) {
            int fd = Posix.create(volume.resolve("file"));
            Posix.pwrite(fd, random(16), 0);
            Posix.truncate(volume.region(), 1 << 20);
            PosixException e =
                    assertThrows(
                            PosixException.class,
                            () -> {
                                Posix.pwrite(fd, random(16), 0);
                                Posix.fsync(fd);
                            });
            assertEquals(Errno.EIO, e.errno());
            Posix.close(fd);
            Await.until(
                    "the volume says so",
                    LIMIT,
                    () -> volume.stats().path("problem").asText().contains("cut to 1048576"));
            volume.unmount();
        }
    }

    @ParameterizedTest(name = "region on {0}")
    @ValueSource(strings = {"memory", "disk"})
    void anUnlinkedRegionWorksOnAndIsToldOf(String place) throws IOException {
        try (MountedVolume volume = volume(place)) {
            byte[] content = random(PAGES);
            Path file = Files.write(volume.resolve("file"), content);
            Files.delete(volume.region());
            Await.until("the volume says so", LIMIT, () -> volume.stats().has("problem"));
            JsonNode stats = volume.stats();
            assertTrue(stats.get("problem").asText().contains("unlinked"), stats.toString());
            assertEquals(false, stats.get("read_only").asBoolean());
            Files.write(volume.resolve("more"), content);
            volume.sync();
            assertArrayEquals(content, Files.readAllBytes(file));
            assertArrayEquals(content, Files.readAllBytes(volume.resolve("more")));
            Command.of("umount", volume.directory()).ok();
        }
    }

    @Test
    void aFullHostFileSystemIsNoSpaceAndLosesNothing() throws IOException {
        MountedVolume.assumeMounted();
        Path small = Files.createTempDirectory("fusedax-small-");
        Command.of("mount", "-t", "tmpfs", "-o", "size=24m", "none", small).ok();
        try (MountedVolume volume = MountedVolume.builder().size("64M").in(small).mount()) {
            List<Path> written = new ArrayList<>();
            byte[] content = random(PAGES / 8);
            PosixException full = null;
            for (int i = 0; full == null; i++) {
                Path path = volume.resolve("file" + i);
                full = tryWrite(path, content);
                if (full == null) {
                    written.add(path);
                }
            }
            assertEquals(Errno.ENOSPC, full.errno());
            assertTrue(written.size() > 10, written.size() + " files");
            assertEquals(false, volume.stats().get("read_only").asBoolean());
            for (Path path : written) {
                assertTrue(Arrays.equals(content, Files.readAllBytes(path)), path.toString());
            }
            fillAgain(volume, written, content);
            volume.remount();
            for (Path path : written) {
                assertTrue(Arrays.equals(content, Files.readAllBytes(path)), path.toString());
            }
            volume.unmount();
            volume.assertClean();
        } finally {
            Posix.detach(small);
            Files.delete(small);
        }
    }

    /** What is free in the volume and has storage can be used, wherever it lies. */
    private static void fillAgain(MountedVolume volume, List<Path> written, byte[] content) {
        int before = written.size();
        for (int i = 0; i < before / 2; i++) {
            Posix.unlink(written.remove(0));
        }
        volume.sync();
        for (int i = 0; i < before / 2 - 1; i++) {
            Path path = volume.resolve("again" + i);
            PosixException full = tryWrite(path, content);
            assertNull(full, () -> path + ": " + full);
            written.add(path);
        }
        assertEquals(false, volume.stats().get("read_only").asBoolean());
        Posix.unlink(written.remove(0));
    }

    /** Writes and syncs a file; null, or what the host has not. */
    private static PosixException tryWrite(Path path, byte[] content) {
        int fd = -1;
        try {
            fd = Posix.create(path);
            int done = 0;
            while (done < content.length) {
                byte[] rest = Arrays.copyOfRange(content, done, content.length);
                done += Posix.pwrite(fd, rest, done);
            }
            Posix.fsync(fd);
            return null;
        } catch (PosixException e) {
            return e;
        } finally {
            if (fd >= 0) {
                Posix.close(fd);
            }
        }
    }
}
