package io.fusedax.tests.mount;

import static io.fusedax.tests.support.MountedVolume.fuseDax;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.tests.support.Await;
import io.fusedax.tests.support.Command;
import io.fusedax.tests.support.MountedVolume;
import io.fusedax.tests.support.Posix;
import io.fusedax.tests.support.PosixDirectory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * The command line as its users meet it: exit codes, and messages of one line that name the cause.
 */
final class CommandLineIT {
    private static final int PROBLEM = 1;
    private static final int USAGE = 2;
    private static final int FSCK_OPERATIONAL = 8;
    private static final int FSCK_USAGE = 16;
    private static final Duration LIMIT = Duration.ofSeconds(30);

    private MountedVolume volume;

    @BeforeEach
    void format() {
        MountedVolume.assumeMounted();
        volume = MountedVolume.builder().size("64M").format();
    }

    @AfterEach
    void cleanUp() {
        if (volume != null) {
            volume.close();
        }
    }

    @Test
    void mkfsKeepsAVolumeUnlessForced() throws IOException {
        volume.mount();
        Files.writeString(volume.resolve("file"), "content");
        volume.unmount();
        assertRefused(PROBLEM, "--force", fuseDax("mkfs", volume.region()));
        assertRefused(PROBLEM, "--force", fuseDax("mkfs", "--size", "64M", volume.region()));
        volume.mount();
        assertEquals("content", Files.readString(volume.resolve("file")));
        volume.unmount();
        fuseDax("mkfs", "--force", volume.region()).ok();
        volume.mount();
        assertEquals(List.of(), PosixDirectory.list(volume.directory()));
    }

    @Test
    void mkfsKeepsOtherDataUnlessForced() throws IOException {
        Path other = volume.outside().resolve("other");
        byte[] data = new byte[8 << 20];
        data[5000] = 1;
        Files.write(other, data);
        assertRefused(PROBLEM, "--force", fuseDax("mkfs", other));
        assertEquals(1, Files.readAllBytes(other)[5000]);
        fuseDax("mkfs", "--force", other).ok();
        fuseDax("fsck", "-n", other).ok();
    }

    @Test
    void mkfsTakesTheStorageAtOnceIfAsked() throws IOException {
        Path region = MountedVolume.disk().resolve("fusedax-preallocated-" + System.nanoTime());
        try {
            fuseDax("mkfs", "--size", "64M", "--preallocate", region).ok();
            assertTrue(Posix.lstat(region).blocks512() >= (64L << 20) / 512);
            assertRefused(USAGE, "--size", fuseDax("mkfs", "--preallocate", "--force", region));
        } finally {
            Files.deleteIfExists(region);
        }
    }

    @Test
    void mkfsRefusesWrongSizesBeforeItOpensAnything() {
        Path path = volume.outside().resolve("never");
        for (String size : List.of("0", "100K", "17T", "many", "-1", "1X")) {
            assertRefused(USAGE, "size", fuseDax("mkfs", "--size", size, path));
        }
        assertRefused(USAGE, "label", fuseDax("mkfs", "--size", "64M", "-L", "x".repeat(65), path));
        assertRefused(USAGE, "nonsense", fuseDax("mkfs", "--nonsense", path));
        assertRefused(PROBLEM, "never", fuseDax("mkfs", path));
        assertFalse(Files.exists(path));
    }

    @Test
    void theSmallestVolumeWorks() throws IOException {
        Path region = volume.region();
        fuseDax("mkfs", "--size", "1M", "--force", region).ok();
        volume.mount();
        Files.write(volume.resolve("file"), new byte[100_000]);
        volume.unmount();
        volume.assertClean();
    }

    @Test
    void aSparseTebibyteMountsAndShowsItsSize() {
        Path region = volume.region();
        fuseDax("mkfs", "--size", "1T", "--force", region).ok();
        volume.mount();
        Posix.FileSystem space = Posix.statvfs(volume.directory());
        assertTrue(space.blocks() * space.fragmentSizeBytes() > (1L << 40) / 100 * 98);
        volume.kill9();
        volume.mount();
        volume.unmount();
        assertTrue(Posix.lstat(region).blocks512() * 512 < 200L << 20, "the region filled up");
    }

    @Test
    void labelAndUuidAreKept() {
        String uuid = "01234567-89ab-cdef-0123-456789abcdef";
        String label = "a label \u00e4";
        fuseDax("mkfs", "--force", "-L", label, "-U", uuid, volume.region()).ok();
        assertEquals(label, volume.dump("superblock").get("label").asText());
        assertEquals(uuid, volume.dump("superblock").get("uuid").asText());
    }

    @Test
    void unknownMountOptionsAreRefusedByName() {
        for (String options : List.of("nonsense", "rw,nonsense=3", "commit", "commit=x", "ro=1")) {
            String named = options.replaceAll("^rw,|=.*", "");
            assertRefused(USAGE, named, volume.mountCommand(options));
        }
        assertFalse(volume.daemonIsRunning());
        assertFalse(isMounted());
    }

    @Test
    void wrongArgumentsAreUsageErrors() {
        assertRefused(USAGE, "command", fuseDax());
        assertRefused(USAGE, "nonsense", fuseDax("nonsense"));
        assertRefused(USAGE, "DIR", fuseDax("mount", volume.region()));
        assertRefused(FSCK_USAGE, "REGION", fuseDax("fsck"));
        assertRefused(USAGE, "nonsense", fuseDax("dump", volume.region(), "nonsense"));
        assertRefused(USAGE, "inode", fuseDax("dump", volume.region(), "inode"));
    }

    @Test
    void helpAndVersionSucceed() {
        assertTrue(fuseDax("--help").ok().out().contains("mkfs"));
        assertTrue(fuseDax("--version").ok().out().contains("0."));
        for (String command : List.of("mkfs", "mount", "umount", "fsck", "sync", "dump", "stats")) {
            assertTrue(fuseDax(command, "--help").ok().out().contains("Usage"), command);
        }
    }

    @Test
    void whatIsNotThereIsNamed() throws IOException {
        Path absent = volume.outside().resolve("absent");
        Path zeros = Files.write(volume.outside().resolve("zeros"), new byte[4 << 20]);
        assertRefused(PROBLEM, "absent", fuseDax("mount", absent, volume.directory()));
        assertRefused(PROBLEM, "absent", fuseDax("mount", volume.region(), absent));
        assertRefused(PROBLEM, "zeros", fuseDax("mount", volume.region(), zeros));
        assertRefused(PROBLEM, "superblock", fuseDax("mount", zeros, volume.directory()));
        assertRefused(FSCK_OPERATIONAL, "absent", fuseDax("fsck", "-n", absent));
        assertRefused(PROBLEM, "absent", fuseDax("dump", absent, "superblock"));
        assertRefused(PROBLEM, "mnt", fuseDax("stats", volume.directory()));
        assertRefused(PROBLEM, "mnt", fuseDax("sync", volume.directory()));
        assertRefused(PROBLEM, "mnt", fuseDax("umount", volume.directory()));
    }

    @Test
    void aRegionInUseIsRefusedNamingTheHolder() throws IOException {
        volume.mount();
        String pid = "" + volume.daemonPid();
        Path second = Files.createDirectory(volume.outside().resolve("second"));
        assertRefused(PROBLEM, pid, fuseDax("mount", volume.region(), second));
        assertRefused(PROBLEM, pid, fuseDax("mount", "-o", "ro", volume.region(), second));
        assertRefused(PROBLEM, pid, fuseDax("mkfs", "--force", volume.region()));
        assertRefused(FSCK_OPERATIONAL, pid, fuseDax("fsck", volume.region()));
        assertRefused(FSCK_OPERATIONAL, pid, fuseDax("fsck", "-n", volume.region()));
        Files.writeString(volume.resolve("file"), "still works");
    }

    @Test
    void mountLetsGoOfItsCallersDescriptors() {
        // cat ends only when no process holds the pipe any more.
        Command.Result result =
                Command.shell(
                                "\"$1\" mount \"$2\" \"$3\" 2>&1 | cat",
                                MountedVolume.launcher(),
                                volume.region(),
                                volume.directory())
                        .timeout(LIMIT)
                        .ok();
        assertEquals("", result.out());
        assertTrue(isMounted());
        Path pid = Path.of("/proc/" + volume.daemonPid());
        assertEquals("/", Posix.readlink(pid.resolve("cwd")));
    }

    @Test
    void aForegroundMountServesUntilUnmounted() throws Exception {
        Process process =
                fuseDax("mount", "-f", volume.region(), volume.directory()).startDiscarding();
        try {
            Await.until("mount answers", LIMIT, this::isMounted);
            Files.writeString(volume.resolve("file"), "content");
            fuseDax("umount", volume.directory()).ok();
            assertTrue(process.waitFor(30, TimeUnit.SECONDS), "still serving");
            assertEquals(0, process.exitValue());
        } finally {
            process.destroyForcibly();
        }
        volume.assertClean();
    }

    @Test
    void sigtermCommitsUnmountsAndEnds() throws IOException {
        volume.mount();
        Files.writeString(volume.resolve("file"), "content");
        int sigterm = 15;
        Posix.kill(volume.daemonPid(), sigterm);
        Await.until("daemon ends", LIMIT, () -> !volume.daemonIsRunning());
        assertFalse(isMounted());
        volume.assertClean();
        volume.mount();
        assertEquals("content", Files.readString(volume.resolve("file")));
    }

    @Test
    void umountClearsAwayADeadMount() {
        volume.mount();
        int sigkill = 9;
        Posix.kill(volume.daemonPid(), sigkill);
        Await.until("daemon ends", LIMIT, () -> !volume.daemonIsRunning());
        assertTrue(isMounted());
        fuseDax("umount", volume.directory()).ok();
        assertFalse(isMounted());
        volume.assertClean();
    }

    @Test
    void umountOfABusyMountSaysSoAndLazyDetaches() throws IOException {
        volume.mount();
        int fd = Posix.create(volume.resolve("open"));
        assertRefused(PROBLEM, "busy", fuseDax("umount", volume.directory()));
        assertTrue(isMounted());
        fuseDax("umount", "--lazy", volume.directory()).ok();
        assertFalse(isMounted());
        Posix.write(fd, "after");
        Posix.close(fd);
        Await.until("daemon ends", LIMIT, () -> !volume.daemonIsRunning());
        volume.mount();
        assertEquals("after", Files.readString(volume.resolve("open")));
    }

    @Test
    void umountReturnsWhenTheRegionIsFree() {
        for (int i = 0; i < 3; i++) {
            volume.mount();
            fuseDax("umount", volume.directory()).ok();
            assertFalse(volume.daemonIsRunning());
        }
    }

    @Test
    void mountEightFindsTheHelper() throws IOException {
        // An overlay puts the helper into /sbin, in a mount namespace that ends with the script.
        Path helper = MountedVolume.launcher().resolveSibling("mount.fuse.fusedax");
        Path layer = Files.createDirectory(volume.outside().resolve("sbin"));
        for (String name :
                List.of(
                        "mount.fuse.fusedax",
                        "umount.fuse.fusedax",
                        "umount.fuseblk.fusedax",
                        "fsck.fuse.fusedax")) {
            Files.createSymbolicLink(layer.resolve(name), helper);
        }
        Command.Result result =
                Command.of(
                                "unshare",
                                "--mount",
                                "sh",
                                "-euc",
                                "mount -t overlay overlay -o lowerdir=$1:/usr/sbin /usr/sbin\n"
                                    + "mount -t fuse.fusedax -o commit=7,noatime \"$2\" \"$3\"\n"
                                    + "grep -Eq \" $3 fuse(blk)?.fusedax \" /proc/self/mounts\n"
                                    + "echo content > $3/file\n"
                                    + "umount \"$3\"\n"
                                    + "fsck -t fuse.fusedax -n \"$2\" || true\n"
                                    + "mount -t fuse.fusedax -r \"$2\" \"$3\"\n"
                                    + "cat $3/file; ! touch $3/new 2> /dev/null\n"
                                    + "umount \"$3\"\n"
                                    + "! mount -t fuse.fusedax -o nonsense \"$2\" \"$3\" 2>"
                                    + " /dev/null\n",
                                "sh",
                                layer,
                                volume.region(),
                                volume.directory())
                        .run();
        Assumptions.assumeFalse(
                result.err().contains("unknown filesystem type 'overlay'"), "no overlayfs here");
        result.expectExit(0);
        assertTrue(result.out().contains("content"), result.toString());
        volume.assertClean();
    }

    @Test
    void dumpShowsEveryStructureAsJson() throws IOException {
        volume.mount();
        Posix.mkdir(volume.resolve("directory"), 0755);
        Files.write(volume.resolve("directory/file"), new byte[100_000]);
        long inode = Posix.lstat(volume.resolve("directory/file")).inode();
        volume.unmount();
        assertEquals(4096, volume.dump("superblock").findValue("block_size_bytes").asInt());
        assertTrue(volume.dump("inode", inode).toString().contains("100000"));
        assertTrue(volume.dump("inode", "/directory/file").toString().contains("100000"));
        assertFalse(volume.dump("extents", inode).isEmpty());
        assertTrue(volume.dump("directory", 2).toString().contains("\"directory\""));
        assertTrue(volume.dump("directory", "/directory").toString().contains("\"file\""));
        assertFalse(volume.dump("journal").isEmpty());
        assertFalse(volume.dump("group", 0).isEmpty());
        assertNotEquals("", fuseDax("dump", volume.region(), "superblock").ok().out());
        assertRefused(PROBLEM, "12345", fuseDax("dump", volume.region(), "inode", 12345));
        assertRefused(PROBLEM, "/no", fuseDax("dump", volume.region(), "inode", "/no"));
    }

    private void assertRefused(int exitCode, String named, Command command) {
        Command.Result result = command.run().expectExit(exitCode);
        assertTrue(result.err().contains(named), () -> "does not name " + named + ": " + result);
        assertEquals(1, result.err().lines().count(), () -> "not one line: " + result);
        assertFalse(result.output().contains("Exception"), result::toString);
        assertFalse(result.output().contains("internal error"), result::toString);
    }

    private boolean isMounted() {
        try (var lines = Files.lines(Path.of("/proc/self/mounts"))) {
            return lines.anyMatch(line -> line.split(" ")[1].equals(volume.directory().toString()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
