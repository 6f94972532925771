package io.fusedax.tests.workload;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.tests.support.Command;
import io.fusedax.tests.support.MountedVolume;
import io.fusedax.tests.support.Seed;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A repository of 20,000 files: git packs, maps, renames, locks and fsyncs. */
final class GitIT {
    private static final int FILES = 20_000;
    private static final int FILES_PER_FOLDER = 100;

    private final Random random = Seed.random("GitIT");
    private MountedVolume volume;

    @BeforeEach
    void mount() {
        volume = MountedVolume.builder().size("1G").mount();
    }

    @AfterEach
    void unmount() {
        if (volume != null) {
            volume.close();
        }
    }

    @Test
    void aLargeRepositoryPassesItsOwnFsck() throws IOException {
        Path work = Files.createDirectory(volume.resolve("work"));
        git(work, "init", "--quiet", "--initial-branch=main");
        for (int i = 0; i < FILES; i++) {
            write(work, i);
        }
        git(work, "add", ".");
        git(work, "commit", "--quiet", "-m", "first");
        for (int i = 0; i < FILES; i += 10) {
            write(work, i);
        }
        git(work, "commit", "--quiet", "-a", "-m", "second");
        String files = git(work, "ls-tree", "-r", "HEAD");
        assertEquals(FILES, files.lines().count());
        git(work, "gc", "--quiet", "--prune=now");
        git(work, "fsck", "--full", "--strict");
        git(work, "checkout", "--quiet", "-b", "old", "HEAD~1");
        git(work, "checkout", "--quiet", "main");

        volume.remount();
        assertEquals("", git(work, "status", "--porcelain"));
        git(work, "fsck", "--full", "--strict");
        git(volume.directory(), "clone", "--quiet", "--no-local", "work", "clone");
        assertEquals(files, git(volume.resolve("clone"), "ls-tree", "-r", "HEAD"));
        volume.unmount();
        volume.assertClean();
    }

    @Test
    void aRepositoryThatFsyncsIsWholeAfterKill9() throws IOException {
        Path work = Files.createDirectory(volume.resolve("work"));
        git(work, "init", "--quiet", "--initial-branch=main");
        git(work, "config", "core.fsync", "all");
        String before = commit(work, 0);
        volume.sync();
        for (int commit = 1; commit <= 4; commit++) {
            String head = commit(work, commit);
            volume.kill9();
            volume.mount();
            // Lock files that were being removed may be back, as after any crash.
            Command.shell("find \"$1\" -name '*.lock' -delete", work.resolve(".git")).ok();
            git(work, "fsck", "--full", "--strict");
            // git fsyncs what it renames, but not the directory: the last rename may be lost.
            before = assertOneOf(List.of(head, before), git(work, "rev-parse", "HEAD"));
            // The checkout itself is not fsynced by git; the objects are.
            git(work, "reset", "--quiet", "--hard");
        }
    }

    private String commit(Path work, int number) throws IOException {
        for (int i = 0; i < 200; i++) {
            write(work, i);
        }
        git(work, "add", ".");
        git(work, "commit", "--quiet", "-m", "commit " + number);
        return git(work, "rev-parse", "HEAD");
    }

    private static String assertOneOf(List<String> expected, String actual) {
        assertTrue(expected.contains(actual), () -> "expected one of " + expected + ": " + actual);
        return actual;
    }

    private void write(Path work, int index) throws IOException {
        Path folder = work.resolve("folder" + index / FILES_PER_FOLDER);
        Files.createDirectories(folder);
        byte[] noise = new byte[random.nextInt(600)];
        random.nextBytes(noise);
        String text = index + "\n" + Base64.getMimeEncoder().encodeToString(noise) + "\n";
        Files.write(folder.resolve("file" + index), text.getBytes(StandardCharsets.UTF_8));
    }

    private String git(Path folder, Object... words) {
        List<Object> all = new ArrayList<>(List.of("git", "-c", "gc.auto=0"));
        all.addAll(List.of(words));
        return Command.of(all.toArray())
                .in(folder)
                .with("HOME", volume.outside().toString())
                .with("GIT_CONFIG_NOSYSTEM", "1")
                .with("GIT_AUTHOR_NAME", "test")
                .with("GIT_AUTHOR_EMAIL", "test@localhost")
                .with("GIT_COMMITTER_NAME", "test")
                .with("GIT_COMMITTER_EMAIL", "test@localhost")
                .timeout(Duration.ofMinutes(10))
                .ok()
                .out();
    }
}
