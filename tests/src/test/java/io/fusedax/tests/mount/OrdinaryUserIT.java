package io.fusedax.tests.mount;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.tests.support.Command;
import io.fusedax.tests.support.MountedVolume;
import io.fusedax.tests.support.Posix;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Everything an ordinary user needs, through fusermount, without any privilege. */
final class OrdinaryUserIT {
    private static final int NOBODY = 65534;

    private Path home;
    private Path region;
    private Path directory;

    @BeforeEach
    void makeHome() throws IOException {
        MountedVolume.assumeUsersMount(NOBODY);
        home = Files.createTempDirectory(MountedVolume.disk(), "fusedax-user-");
        region = home.resolve("region");
        directory = Files.createDirectory(home.resolve("mnt"));
        Posix.chown(home, NOBODY, NOBODY);
        Posix.chown(directory, NOBODY, NOBODY);
    }

    @AfterEach
    void cleanUp() {
        if (home != null) {
            fuseDax("umount", "--lazy", directory).run();
            MountedVolume.deleteTree(home);
        }
    }

    @Test
    void aUserFormatsMountsAndUnmounts() {
        fuseDax("mkfs", "--size", "64M", region).ok();
        fuseDax("mount", region, directory).ok();
        Path file = directory.resolve("file");
        Command.shell("echo content > \"$1\"", file).asUser(NOBODY).ok();
        assertEquals("content\n", Command.of("cat", file).asUser(NOBODY).ok().out());
        Command.Result refused = Command.of("cat", file).asUser(NOBODY - 1).run();
        assertTrue(refused.exitCode() != 0, "others see the user's mount");
        assertTrue(fuseDax("stats", "--json", directory).ok().out().contains("bytes_written"));
        fuseDax("sync", directory).ok();
        fuseDax("umount", directory).ok();
        fuseDax("fsck", "-n", region).ok();
        fuseDax("mount", region, directory).ok();
        assertEquals("content\n", Command.of("cat", file).asUser(NOBODY).ok().out());
    }

    @Test
    void fusermount3MountsWhereItIsInstalled() throws IOException {
        Path helpers = MountedVolume.checkout().resolve("tests/target/fuse3/bin");
        Path helper = helpers.resolve("fusermount3");
        Assumptions.assumeTrue(
                Command.of("test", "-u", helper, "-a", "-x", helper).asUser(NOBODY).run().exitCode()
                        == 0,
                "no fusermount3 with its set-user-ID bit (tests/run unpacks it): " + helper);
        Path calls = home.resolve("calls");
        Path caller = Files.createDirectory(home.resolve("bin")).resolve("fusermount3");
        Files.writeString(
                caller,
                "#!/bin/sh\necho \"$*\" >>'%s'\nexec '%s' \"$@\"\n".formatted(calls, helper));
        Files.setPosixFilePermissions(caller, PosixFilePermissions.fromString("rwxr-xr-x"));
        String path = caller.getParent() + ":" + System.getenv("PATH");
        fuseDax("mkfs", "--size", "64M", region).ok();
        fuseDax("mount", "-o", "transport=native", region, directory).with("PATH", path).ok();
        assertTrue(Files.readString(calls).contains(directory.toString()));
        Path file = directory.resolve("file");
        Command.shell("echo content > \"$1\"", file).asUser(NOBODY).ok();
        fuseDax("umount", directory).with("PATH", path).ok();
        fuseDax("fsck", "-n", region).ok();
    }

    @Test
    void filesOnAUsersMountBelongToTheUser() {
        fuseDax("mkfs", "--size", "64M", region).ok();
        fuseDax("mount", region, directory).ok();
        Command.Result result =
                Command.shell("cd \"$1\"; touch f; mkdir d; stat -c %u:%g . f d", directory)
                        .asUser(NOBODY)
                        .ok();
        assertEquals("65534:65534\n".repeat(3), result.out());
        Command.Result refused =
                Command.of("chown", "0", directory.resolve("f")).asUser(NOBODY).run();
        assertTrue(refused.err().contains("not permitted"), refused.toString());
    }

    @Test
    void mountOptionsOfRootAreRefusedInOneLine() {
        fuseDax("mkfs", "--size", "64M", region).ok();
        Assumptions.assumeFalse(userMayAllowOther(), "/etc/fuse.conf has user_allow_other");
        Command.Result result = fuseDax("mount", "-o", "allow_other", region, directory).run();
        assertEquals(1, result.exitCode(), result.toString());
        assertTrue(result.err().contains("user_allow_other"), result.toString());
    }

    private static boolean userMayAllowOther() {
        try {
            return Files.readAllLines(Path.of("/etc/fuse.conf")).contains("user_allow_other");
        } catch (IOException e) {
            return false;
        }
    }

    private Command fuseDax(Object... words) {
        List<Object> all = new ArrayList<>(List.of(MountedVolume.launcher()));
        all.addAll(List.of(words));
        return Command.of(all.toArray()).with("HOME", home.toString()).asUser(NOBODY);
    }
}
