package io.fusedax.tools;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.FsException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.stream.Stream;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

final class FuseDaxTest {
    @TempDir Path directory;

    @AfterEach
    void quiet() {
        Logging.level("warn"); // mount speaks louder
    }

    private record Result(int exitCode, String out, String err) {}

    private static Result run(String... args) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int exitCode = FuseDax.run(new PrintWriter(out), new PrintWriter(err), args);
        return new Result(exitCode, out.toString(), err.toString());
    }

    private static void assertOneLine(String start, String err) {
        assertEquals(1, err.lines().count(), err);
        assertTrue(err.startsWith(start), err);
    }

    static Stream<String> commands() {
        return names("", FuseDax.commandLine());
    }

    /** {@code mkfs}, {@code region list}, ... */
    private static Stream<String> names(String prefix, CommandLine line) {
        return line.getSubcommands().entrySet().stream()
                .flatMap(
                        entry ->
                                Stream.concat(
                                        Stream.of(prefix + entry.getKey()),
                                        names(prefix + entry.getKey() + " ", entry.getValue())));
    }

    @ParameterizedTest
    @MethodSource("commands")
    void helpIsCompleteWithExamples(String command) {
        Result result = run((command + " --help").split(" "));
        assertEquals(0, result.exitCode(), result.err());
        assertTrue(result.out().startsWith("Usage: fuse-dax " + command), result.out());
        assertTrue(result.out().contains("  fuse-dax " + command), result.out());
        assertEquals("", result.err());
        assertEquals(result.out(), run(("help " + command).split(" ")).out());
    }

    @Test
    void withoutACommandItIsAUsageError() {
        Result result = run();
        assertEquals(2, result.exitCode());
        assertOneLine("fuse-dax: a command is missing", result.err());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "frobnicate",
                "mkfs",
                "mkfs --size 10X REGION",
                "mkfs --size 1K REGION",
                "mkfs --size 17T REGION",
                "mkfs --size 1G --journal-size 1K REGION",
                "mkfs --size 1M --journal-size 1M REGION",
                "mkfs --uuid 12 REGION",
                "mkfs --nonsense REGION",
                "mkfs REGION REGION2",
                "mount REGION",
                "mount -f -o bogus REGION DIR",
                "mount REGION DIR",
                "umount",
                "run",
                "run --nonsense ls",
                "sync",
                "dump REGION",
                "dump REGION nonsense",
                "dump REGION inode",
                "dump REGION inode x",
                "dump REGION group /path",
                "dump REGION superblock 1",
                "stats",
                "inject-error",
                "inject-error --block 1 --offset 1 REGION",
                "inject-error --block -1 REGION",
                "inject-error --block 1 --count 0 REGION",
                "inject-error --offset 1 --length 0 REGION",
                "inject-error --length 1 REGION",
                "inject-error --clear REGION",
                "inject-error --status --block 1 REGION",
                "region",
                "region nonsense",
                "region list --type nonsense",
                "region show",
                "region create REGION",
                "region create --size 1K REGION",
                "region create --size 1G --align 2M REGION",
                "region create --mode devdax --align 3K REGION",
                "region create --mode devdax --preallocate REGION",
                "region create --mode raw REGION",
                "region clear-errors",
                "help nonsense",
                "help region nonsense"
            })
    void usageErrorsExitWith2BeforeAnythingIsOpened(String words) {
        Path region = directory.resolve("region");
        Result result = run(words.replace("REGION", region.toString()).split(" "));
        assertEquals(2, result.exitCode(), result.err());
        assertOneLine("fuse-dax: ", result.err());
        assertFalse(Files.exists(region));
    }

    @ParameterizedTest
    @ValueSource(strings = {"fsck", "fsck --nonsense x", "fsck -n -y x", "fsck a b"})
    void usageErrorsOfFsckExitWith16(String words) {
        Result result = run(words.split(" "));
        assertEquals(16, result.exitCode(), result.err());
        assertOneLine("fuse-dax: fsck: ", result.err());
    }

    @Test
    void unknownMountOptionsAreRefusedByName() {
        Result result = run("mount", "-f", "-o", "ro,frobnicate=3", "/nonexistent", "/nonexistent");
        assertEquals(2, result.exitCode());
        assertOneLine(
                "fuse-dax: mount: -o: unknown option 'frobnicate=3'; see fuse-dax mount --help",
                result.err());
    }

    @Test
    void aMissingRegionIsNamed() {
        String region = directory.resolve("none").toString();
        assertOneLine(
                "fuse-dax: mkfs: no such region, --size would make it: ",
                run("mkfs", region).err());
        assertEquals(8, run("fsck", region).exitCode());
        assertEquals(1, run("dump", region, "superblock").exitCode());
        assertEquals(1, run("stats", region).exitCode());
        assertEquals(1, run("mount", "-f", region, directory.toString()).exitCode());
    }

    @Test
    void whatIsNotMountedCannotBeUnmounted() {
        Result result = run("umount", directory.toString());
        assertEquals(1, result.exitCode());
        assertEquals("fuse-dax: umount: not a fuse-dax mount: " + directory + "\n", result.err());
        assertEquals(1, run("sync", directory.toString()).exitCode());
        assertEquals(1, run("inject-error", directory.toString()).exitCode());
    }

    @Test
    void errorsAreOneLineWithoutATraceUnlessWanted() {
        assertTrue(
                run("umount", "--debug", directory.toString()).err().contains("\tat io.fusedax"));
        assertFalse(run("umount", directory.toString()).err().contains("\tat "));
    }

    @Test
    void messagesSayWhatAndWhere() {
        assertEquals(
                Errno.ENOSPC.description() + ": want_blocks=3",
                FuseDax.message(new FsException(Errno.ENOSPC, "want_blocks=3")));
        assertEquals(
                "/x: cannot open: " + Errno.EACCES.description(),
                FuseDax.message(
                        new FsException(
                                Errno.EACCES, "/x: cannot open: " + Errno.EACCES.description())));
        assertEquals("no such file: /x", FuseDax.message(new NoSuchFileException("/x")));
        assertEquals(
                "internal error: java.lang.IllegalStateException: a; b (--debug shows where)",
                FuseDax.message(new IllegalStateException("a\n  b")));
    }
}
