package io.fusedax.tests.mount;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.fusedax.tests.support.Await;
import io.fusedax.tests.support.Command;
import io.fusedax.tests.support.MountedVolume;
import io.fusedax.tests.support.NativeOnly;
import io.fusedax.tests.support.Posix;
import io.fusedax.tests.support.PosixException;
import io.fusedax.tests.support.SharedMapping;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What is the native transport's own: choosing it, its requests, its ends. */
@ExtendWith(NativeOnly.class)
final class NativeTransportIT {
    private static final int MEGABYTE = 1 << 20;
    private static final Duration LIMIT = Duration.ofSeconds(30);

    @BeforeEach
    void onlyOnce() {
        MountedVolume.assumeMounted();
    }

    private static MountedVolume mount(String options) {
        return MountedVolume.builder().size("64M").mountOptions(options).mount();
    }

    private static String transport(MountedVolume volume) {
        return volume.stats().get("transport").asText();
    }

    @Test
    void statisticsSayWhichTransportItIs() {
        try (MountedVolume volume = mount("")) {
            assertEquals("native", transport(volume));
            volume.unmount();
            volume.mount("transport=jnr-fuse");
            assertEquals("jnr-fuse", transport(volume));
            volume.unmount();
            volume.mount("transport=native");
            assertEquals("native", transport(volume));
        }
    }

    @Test
    void bothTransportsSeeTheSameVolume() {
        try (MountedVolume volume = mount("transport=native")) {
            Path file = volume.resolve("file");
            int fd = Posix.create(file);
            Posix.write(fd, "by native");
            Posix.close(fd);
            Posix.link(file, volume.resolve("link"));
            Posix.Stat before = Posix.lstat(file);
            volume.unmount();
            volume.mount("transport=jnr-fuse");
            Posix.Stat after = Posix.lstat(volume.resolve("link"));
            assertEquals(before.inode(), after.inode());
            assertEquals(before.mtime(), after.mtime());
            assertEquals(2, after.linkCount());
            volume.unmount();
            volume.assertClean();
        }
    }

    @Test
    void aMegabyteIsOneRequest() {
        try (MountedVolume volume = mount("direct_io")) {
            int fd = Posix.create(volume.resolve("file"));
            JsonNode before = volume.stats();
            Posix.pwrite(fd, new byte[MEGABYTE], 0);
            Posix.pread(fd, MEGABYTE, 0);
            JsonNode after = volume.stats();
            Posix.close(fd);
            // The buffers are not page-aligned, so they may touch one page more than fits.
            assertTrue(growth(before, after, "op_write") <= 2);
            assertTrue(growth(before, after, "op_read") <= 2);
        }
    }

    private static long growth(JsonNode before, JsonNode after, String key) {
        return MountedVolume.counter(after, key) - MountedVolume.counter(before, key);
    }

    @Test
    void filesThatBypassThePageCacheAreMappedCoherently() {
        try (MountedVolume volume = mount("dax=always")) {
            Path file = volume.resolve("pool");
            int fd = Posix.create(file);
            Posix.ftruncate(fd, MEGABYTE);
            try (SharedMapping mapping = new SharedMapping(file, 0, MEGABYTE)) {
                mapping.buffer().put(5000, (byte) 7);
                assertEquals(7, Posix.pread(fd, 1, 5000)[0]);
                Posix.pwrite(fd, new byte[] {9}, 5000);
                assertEquals(9, mapping.buffer().get(5000));
            }
            Posix.close(fd);
        }
    }

    @Test
    void whatWasUnlinkedIsFreedByTheUnmount() throws IOException {
        try (MountedVolume volume = mount("")) {
            int held = Posix.create(volume.resolve("file"));
            Posix.pwrite(held, new byte[10 * MEGABYTE], 0);
            Posix.unlink(volume.resolve("file"));
            Posix.detach(volume.directory());
            Posix.close(held);
            Await.until("daemon ends", LIMIT, () -> !volume.daemonIsRunning());
            volume.assertClean();
            volume.mount();
            long free = Posix.statvfs(volume.directory()).availableBytes();
            assertTrue(free > 40L * MEGABYTE, "free_bytes=" + free);
        }
    }

    @Test
    void anAbortedConnectionLeavesNothingMounted() throws IOException {
        try (MountedVolume volume = mount("")) {
            Posix.close(Posix.create(volume.resolve("file")));
            volume.sync();
            long connection = device(volume.directory());
            Path control = Files.createDirectory(volume.outside().resolve("fusectl"));
            try {
                Posix.mount(Path.of("fusectl"), control, "fusectl", 0, "");
            } catch (PosixException e) {
                Assumptions.abort("no fusectl here: " + e.getMessage());
            }
            try {
                Files.writeString(control.resolve(connection + "/abort"), "1");
            } finally {
                Posix.detach(control);
            }
            Await.until("daemon ends", LIMIT, () -> !volume.daemonIsRunning());
            Await.until(
                    "nothing is mounted",
                    LIMIT,
                    () -> Files.isReadable(volume.directory()) && isEmpty(volume.directory()));
            volume.mount();
            assertTrue(Posix.exists(volume.resolve("file")));
        }
    }

    /** As the kernel numbers it: 12 bits major, 20 bits minor. */
    private static long device(Path path) throws IOException {
        long device = (Long) Files.getAttribute(path, "unix:dev");
        long minor = device & 0xff | device >> 12 & 0xfff00;
        return (device >> 8 & 0xfff) << 20 | minor;
    }

    private static boolean isEmpty(Path directory) {
        String[] names = directory.toFile().list();
        return names != null && names.length == 0;
    }

    @Test
    void aKilledDaemonsMountIsClearedByUmount() {
        try (MountedVolume volume = mount("")) {
            Posix.close(Posix.create(volume.resolve("file")));
            Posix.kill(volume.daemonPid(), 9);
            // What is under way while it dies gets ECONNABORTED.
            Await.until("ENOTCONN", LIMIT, () -> failsWith(Errno.ENOTCONN, volume.resolve("file")));
            MountedVolume.fuseDax("umount", volume.directory()).ok();
            volume.mount();
        }
    }

    private static boolean failsWith(Errno errno, Path path) {
        try {
            Posix.lstat(path);
            return false;
        } catch (PosixException e) {
            return e.errno().intValue() == errno.intValue();
        }
    }

    @Test
    void fourWritersOfOneFileKeepTheirParts() {
        try (MountedVolume volume = mount("dax=always")) {
            Path file = volume.resolve("file");
            int fd = Posix.create(file);
            Posix.fallocate(fd, 0, 0, 4 * MEGABYTE);
            CompletableFuture.allOf(
                            IntStream.range(0, 4)
                                    .mapToObj(
                                            part ->
                                                    CompletableFuture.runAsync(
                                                            () -> fill(fd, part)))
                                    .toArray(CompletableFuture[]::new))
                    .join();
            for (int part = 0; part < 4; part++) {
                for (byte value : Posix.pread(fd, MEGABYTE, (long) part * MEGABYTE)) {
                    assertEquals(part + 1, value);
                }
            }
            Posix.close(fd);
        }
    }

    private static void fill(int fd, int part) {
        byte[] block = new byte[4096];
        java.util.Arrays.fill(block, (byte) (part + 1));
        for (int i = 0; i < MEGABYTE / block.length; i++) {
            Posix.pwrite(fd, block, (long) part * MEGABYTE + (long) i * block.length);
        }
    }

    /** The same with nothing in place of the sync: it is lost. */
    @ParameterizedTest
    @CsvSource({
        "true, false",
        "sync, true",
        "sync -f \"$1\", true",
        "umount -i \"$2\", true",
        "umount -l -i \"$2\", true"
    })
    void syncAndUnmountReturnWhenAllIsCommitted(String command, boolean survives)
            throws IOException {
        try (MountedVolume volume = mount("commit=300")) {
            Assumptions.assumeTrue(
                    isOnBlockDevice(volume),
                    "no fuseblk here (Linux 6.18 and loop devices): sync(2) does not commit");
            Path file = volume.resolve("file");
            Files.writeString(file, "content");
            Command.of("sh", "-euc", command, "sh", file, volume.directory()).ok();
            Path image = volume.outside().resolve("image");
            Files.copy(volume.region(), image);
            if (isOnBlockDevice(volume)) {
                volume.kill9();
            }
            Await.until("daemon ends", LIMIT, () -> !volume.daemonIsRunning());
            Files.copy(image, volume.region(), StandardCopyOption.REPLACE_EXISTING);
            volume.mount();
            assertEquals(survives, Files.exists(file));
            if (survives) {
                assertEquals("content", Files.readString(file));
            }
        }
    }

    /** allow_root keeps others out of the files, not from having everything committed. */
    @Test
    void allowRootCommitsForWhoeverCallsSync() throws IOException {
        try (MountedVolume volume = mount("commit=300,allow_root")) {
            Assumptions.assumeTrue(
                    isOnBlockDevice(volume),
                    "no fuseblk here (Linux 6.18 and loop devices): sync(2) does not commit");
            Files.writeString(volume.resolve("file"), "content");
            String[] nobody = {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"};
            Command.of(nobody[0], nobody[1], nobody[2], nobody[3], "sync").ok();
            volume.kill9();
            Await.until("daemon ends", LIMIT, () -> !volume.daemonIsRunning());
            volume.mount();
            assertEquals("content", Files.readString(volume.resolve("file")));
        }
    }

    private static boolean isOnBlockDevice(MountedVolume volume) throws IOException {
        String entry = " " + volume.directory() + " fuseblk.fusedax ";
        return Files.readString(Path.of("/proc/mounts")).contains(entry);
    }
}
