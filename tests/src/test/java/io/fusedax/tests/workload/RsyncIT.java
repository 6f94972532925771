package io.fusedax.tests.workload;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.tests.support.Command;
import io.fusedax.tests.support.MountedVolume;
import io.fusedax.tests.support.Posix;
import io.fusedax.tests.support.Seed;
import io.fusedax.tests.support.Trees;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** Copies with hard links, extended attributes, device nodes and holes, in, out, and again. */
final class RsyncIT {
    private static final Duration LIMIT = Duration.ofMinutes(5);
    private static final int FILES = 3000;

    @Test
    void aCopyInAndOutKeepsEverything() throws IOException {
        Assumptions.assumeTrue(Command.exists("rsync"), "no rsync on the path");
        Random random = Seed.random("RsyncIT");
        Path home = Files.createTempDirectory(MountedVolume.disk(), "fusedax-rsync-");
        try (MountedVolume volume = MountedVolume.builder().size("512M").mount()) {
            Path source = Files.createDirectory(home.resolve("source"));
            generate(source, random);
            Path copy = volume.resolve("copy");
            rsync(source, copy, "-aHX", "--sparse");
            assertUnchanged(source, copy);
            assertTrue(Posix.lstat(copy.resolve("sparse")).blocks512() < 1000, "holes were filled");

            volume.remount();
            assertUnchanged(source, copy);
            Path back = home.resolve("back");
            rsync(copy, back, "-aHX", "--sparse");
            Trees.assertSame(Trees.describe(source), Trees.describe(back));

            change(source, random);
            rsync(source, copy, "-aHX", "--delete", "--inplace");
            assertUnchanged(source, copy);
            rsync(source, copy, "-aHX", "--delete", "--checksum");
            Trees.assertSame(Trees.describe(source), Trees.describe(copy));
            volume.unmount();
            volume.assertClean();
        } finally {
            MountedVolume.deleteTree(home);
        }
    }

    private static void rsync(Path from, Path to, String... options) {
        Command.of(words(from, to, options)).timeout(LIMIT).ok();
    }

    private static void assertUnchanged(Path from, Path to) {
        String differences =
                Command.of(words(from, to, "-aHXnc", "--delete", "--itemize-changes"))
                        .timeout(LIMIT)
                        .ok()
                        .out();
        assertEquals("", differences);
    }

    private static List<String> words(Path from, Path to, String... options) {
        List<String> words = new ArrayList<>(List.of("rsync", "--modify-window=-1"));
        words.addAll(List.of(options));
        words.add(from + "/");
        words.add(to + "/");
        return words;
    }

    private static void generate(Path root, Random random) throws IOException {
        for (int i = 0; i < FILES; i++) {
            Path folder = root.resolve("d" + i % 17).resolve("e" + i % 5);
            Files.createDirectories(folder);
            Path file = folder.resolve("file" + i);
            byte[] content = new byte[random.nextInt(1 << random.nextInt(15))];
            random.nextBytes(content);
            Files.write(file, content);
            decorate(root, file, i, random);
        }
        int fd = Posix.create(root.resolve("sparse"));
        Posix.pwrite(fd, new byte[] {1, 2, 3}, 300L << 20);
        Posix.close(fd);
        Posix.mknod(root.resolve("character"), Posix.S_IFCHR | 0600, 1, 3);
        Posix.mknod(root.resolve("fifo"), Posix.S_IFIFO | 0644, 0, 0);
        Posix.symlink("../nowhere", root.resolve("link"));
    }

    private static void decorate(Path root, Path file, int index, Random random) {
        if (index % 7 == 0) {
            Posix.setxattr(file, "user.number", "value " + index);
            Posix.setxattr(file, "user.large", "x".repeat(random.nextInt(500)));
        }
        if (index % 11 == 0) {
            Posix.link(file, root.resolve("hard" + index));
        }
        if (index % 5 == 0) {
            Posix.chown(file, random.nextInt(70_000), random.nextInt(70_000));
        }
        if (index % 3 == 0) {
            Posix.chmod(file, random.nextInt(01000));
        }
        Posix.Time time = new Posix.Time(random.nextInt(), random.nextInt(1_000_000_000));
        Posix.utimens(file, time, time);
    }

    private static void change(Path root, Random random) throws IOException {
        for (int i = 0; i < FILES; i += 13) {
            Path file = root.resolve("d" + i % 17).resolve("e" + i % 5).resolve("file" + i);
            switch (random.nextInt(3)) {
                case 0 -> Files.delete(file);
                case 1 -> Files.move(file, root.resolve("moved" + i));
                default -> Files.write(file, new byte[random.nextInt(100_000)]);
            }
        }
    }
}
