package io.fusedax.tests.workload;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.tests.support.Command;
import io.fusedax.tests.support.MountedVolume;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** All of /usr/share, tens of thousands of files, through the mount and back. */
final class TarIT {
    private static final Duration LIMIT = Duration.ofMinutes(10);
    private static final int MEBIBYTE = 1 << 20;

    /** The same tree gives the same archive: sorted, no access times, no names of users. */
    private static final String ARCHIVE =
            "tar --create --sort=name --numeric-owner --format=posix"
                    + " --pax-option=delete=atime,delete=ctime,exthdr.name=%d/PaxHeaders/%f";

    @Test
    void anArchiveOfUsrShareComesBackByteForByte() throws Exception {
        Path home = Files.createTempDirectory(MountedVolume.memory(), "fusedax-tar-");
        try {
            Path original = home.resolve("original.tar");
            Command.shell(ARCHIVE + " --file \"$1\" --directory /usr share", original)
                    .timeout(LIMIT)
                    .ok();
            int files = count(original);
            long megabytes = Files.size(original) / MEBIBYTE + files / 200 + 256;
            try (MountedVolume volume = MountedVolume.builder().size(megabytes + "M").mount()) {
                Command.of("tar", "-xpf", original, "-C", volume.directory()).timeout(LIMIT).ok();
                assertSameArchive(home, original, volume);
                volume.remount();
                assertSameArchive(home, original, volume);
                Command.of("rm", "-r", volume.resolve("share")).timeout(LIMIT).ok();
                assertEquals("", Command.of("ls", "-A", volume.directory()).ok().out());
                volume.unmount();
                volume.assertClean();
            }
            assertTrue(files > 10, "too few files in /usr/share: " + files);
        } finally {
            MountedVolume.deleteTree(home);
        }
    }

    private static void assertSameArchive(Path home, Path original, MountedVolume volume)
            throws Exception {
        Path back = home.resolve("back.tar");
        Command.shell(ARCHIVE + " --file \"$1\" --directory \"$2\" share", back, volume.directory())
                .timeout(LIMIT)
                .ok();
        if (Files.mismatch(original, back) >= 0) {
            Command.Result difference =
                    Command.of("tar", "-df", original, "-C", volume.directory())
                            .timeout(LIMIT)
                            .run();
            throw new AssertionError("archives differ; tar --diff says: " + difference);
        }
        Files.delete(back);
    }

    private static int count(Path archive) {
        String lines = Command.shell("tar -tf \"$1\" | wc -l", archive).timeout(LIMIT).ok().out();
        return Integer.parseInt(lines.trim());
    }
}
