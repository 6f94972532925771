package io.fusedax.tests.mount;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.tests.support.Command;
import io.fusedax.tests.support.MountedVolume;
import io.fusedax.tests.support.Posix;
import io.fusedax.tests.support.PosixException;
import io.fusedax.tests.support.Trees;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedMap;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Read-only mounts and read-only regions: everything readable, not one byte of media changed. */
final class ReadOnlyIT {
    private static final int NOBODY = 65534;

    private MountedVolume volume;

    @BeforeEach
    void mount() throws Exception {
        MountedVolume.assumeMounted();
        volume = MountedVolume.builder().size("64M").mount();
        Files.writeString(volume.resolve("file"), "content");
        Posix.mkdir(volume.resolve("directory"), 0755);
        Posix.symlink("file", volume.resolve("link"));
        Posix.setxattr(volume.resolve("file"), "user.a", "b");
    }

    @AfterEach
    void unmount() {
        if (volume != null) {
            volume.close();
        }
    }

    @Test
    void aReadOnlyMountReadsAllAndChangesNothing() throws Exception {
        volume.unmount();
        long before = Trees.crc32c(volume.region());
        volume.mount("ro");
        assertReadable();
        assertEveryChangeIsEROFS();
        volume.unmount();
        assertEquals(before, Trees.crc32c(volume.region()));
    }

    @Test
    void aDirtyJournalIsReplayedInMemoryOnly() throws Exception {
        volume.sync();
        Files.writeString(volume.resolve("late"), "only in the journal");
        int fd = Posix.open(volume.resolve("late"), Posix.O_RDONLY);
        Posix.fsync(fd);
        volume.kill9();
        Posix.closeQuietly(fd);
        long before = Trees.crc32c(volume.region());
        for (int i = 0; i < 2; i++) {
            volume.mount("ro");
            assertReadable();
            assertEquals("only in the journal", Files.readString(volume.resolve("late")));
            assertEveryChangeIsEROFS();
            volume.unmount();
            assertEquals(before, Trees.crc32c(volume.region()));
        }
        volume.mount();
        assertEquals("only in the journal", Files.readString(volume.resolve("late")));
        Files.writeString(volume.resolve("file"), "changed");
    }

    @Test
    void aReadOnlyMountKilledIsMountableReadWrite() throws Exception {
        volume.unmount();
        volume.mount("ro");
        SortedMap<String, String> before = Trees.describe(volume.directory());
        volume.kill9();
        volume.mount();
        Trees.assertSame(before, Trees.describe(volume.directory()));
        Files.writeString(volume.resolve("file"), "changed");
    }

    @Test
    void aWriteProtectedRegionIsMountedReadOnlyWithAWarning() throws Exception {
        MountedVolume.assumeUsersMount(NOBODY);
        volume.sync();
        volume.kill9();
        Posix.chmod(volume.region(), 0444);
        Posix.chown(volume.directory(), NOBODY, NOBODY);
        long before = Trees.crc32c(volume.region());
        Command.Result result = asNobody(volume.mountCommand("")).ok();
        try {
            assertTrue(result.err().contains("read-only"), result.toString());
            String mountPoint = volume.directory().toString();
            assertEquals("content", asNobody(Command.of("cat", mountPoint + "/file")).ok().out());
            Command.Result refused =
                    asNobody(Command.of("touch", mountPoint + "/directory/new")).run();
            assertTrue(refused.err().contains("Read-only file system"), refused.toString());
        } finally {
            asNobody(MountedVolume.fuseDax("umount", volume.directory())).run();
        }
        assertEquals(before, Trees.crc32c(volume.region()));
    }

    private Command asNobody(Command command) {
        return command.asUser(NOBODY).with("HOME", "/nonexistent");
    }

    private void assertReadable() throws Exception {
        assertEquals("content", Files.readString(volume.resolve("file")));
        assertEquals("file", Posix.readlink(volume.resolve("link")));
        assertEquals(List.of("user.a"), Posix.listxattr(volume.resolve("file")));
    }

    private void assertEveryChangeIsEROFS() {
        Path file = volume.resolve("file");
        Path other = volume.resolve("other");
        List<Runnable> changes =
                List.of(
                        () -> Posix.create(other),
                        () -> Posix.open(file, Posix.O_WRONLY),
                        () -> Posix.mkdir(other, 0755),
                        () -> Posix.symlink("x", other),
                        () -> Posix.mknod(other, Posix.S_IFIFO | 0644, 0, 0),
                        () -> Posix.link(file, other),
                        () -> Posix.rename(file, other),
                        () -> Posix.unlink(file),
                        () -> Posix.rmdir(volume.resolve("directory")),
                        () -> Posix.chmod(file, 0600),
                        () -> Posix.chown(file, 1, 1),
                        () -> Posix.truncate(file, 0),
                        () -> Posix.utimens(file, new Posix.Time(1, 1), new Posix.Time(1, 1)),
                        () -> Posix.setxattr(file, "user.b", "c"),
                        () -> Posix.removexattr(file, "user.a"));
        for (int i = 0; i < changes.size(); i++) {
            Runnable change = changes.get(i);
            PosixException failure =
                    assertThrows(PosixException.class, change::run, "change " + i + " worked");
            assertEquals(Errno.EROFS, failure.errno(), "change " + i);
        }
    }
}
