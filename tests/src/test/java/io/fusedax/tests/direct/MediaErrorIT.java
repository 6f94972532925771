package io.fusedax.tests.direct;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
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
import java.util.Arrays;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Bad blocks injected into a live mount: what calls and mappings see, what heals, what stops. */
final class MediaErrorIT {
    private static final int PAGE = 4096;
    private static final int PAGES = 64;
    private static final int BAD_PAGE = 5;
    private static final Duration LIMIT = Duration.ofSeconds(30);

    private static void inject(Path path, Object... options) {
        Command.Result result = run(path, options);
        result.expectExit(0);
    }

    private static Command.Result run(Path path, Object... options) {
        Object[] words = new Object[options.length + 2];
        words[0] = "inject-error";
        System.arraycopy(options, 0, words, 1, options.length);
        words[options.length + 1] = path;
        return MountedVolume.fuseDax(words).run();
    }

    private static void injectPage(Path file) {
        inject(file, "--offset", BAD_PAGE * PAGE + 512, "--length", 512);
    }

    private static long badUnits(MountedVolume volume) throws IOException {
        Command.Result status = run(volume.directory(), "--status", "--json").expectExit(0);
        JsonNode tree = new com.fasterxml.jackson.databind.ObjectMapper().readTree(status.out());
        return tree.get("bad_units").asLong();
    }

    private static Path file(MountedVolume volume, int value) throws IOException {
        byte[] content = new byte[PAGES * PAGE];
        Arrays.fill(content, (byte) value);
        return Files.write(volume.resolve("file"), content);
    }

    private static void assertEio(Path file, int page) {
        int fd = Posix.open(file, Posix.O_RDONLY);
        try {
            PosixException e =
                    assertThrows(
                            PosixException.class, () -> Posix.pread(fd, PAGE, (long) page * PAGE));
            assertEquals(Errno.EIO, e.errno());
        } finally {
            Posix.close(fd);
        }
    }

    private static void write(Path file, int page, int value) {
        byte[] content = new byte[PAGE];
        Arrays.fill(content, (byte) value);
        int fd = Posix.open(file, Posix.O_RDWR);
        assertEquals(PAGE, Posix.pwrite(fd, content, (long) page * PAGE));
        Posix.close(fd);
    }

    @ParameterizedTest(name = "dax={0}")
    @ValueSource(strings = {"always", "never"})
    void aReadIsEioAndOverwritingOrPunchingHeals(String dax) throws IOException {
        MountedVolume.assumeMounted();
        try (MountedVolume volume = MapTest.volume("memory", "dax=" + dax).mount()) {
            Path file = file(volume, 'o');
            assertEquals(PAGES * PAGE, Files.readAllBytes(file).length); // now the kernel has it
            injectPage(file);
            assertEquals(1, badUnits(volume));
            assertEio(file, BAD_PAGE);
            assertThrows(IOException.class, () -> Files.readAllBytes(file));
            Command.Result dd =
                    Command.of("dd", "if=" + file, "of=/dev/null", "bs=4k", "conv=noerror").run();
            assertTrue(dd.err().contains("Input/output error"), dd.toString());
            assertTrue(dd.err().contains((PAGES - 1) + "+0 records in"), dd.toString());

            write(file, BAD_PAGE, 'n');
            assertEquals(0, badUnits(volume));
            assertEquals('n', Files.readAllBytes(file)[BAD_PAGE * PAGE]);

            injectPage(file);
            assertEio(file, BAD_PAGE);
            Command.of("fallocate", "-p", "-o", BAD_PAGE * PAGE, "-l", PAGE, file).ok();
            byte[] content = Files.readAllBytes(file);
            assertArrayEquals(
                    new byte[PAGE],
                    Arrays.copyOfRange(content, BAD_PAGE * PAGE, (BAD_PAGE + 1) * PAGE));
            volume.sync();
            assertEquals(0, badUnits(volume));
            assertEquals(false, volume.stats().get("read_only").asBoolean());
            volume.unmount();
            volume.assertClean();
        }
    }

    @ParameterizedTest(name = "region on {0}")
    @ValueSource(strings = {"memory", "signal", "disk"})
    void aMappedPageIsSigbusUntilItIsOverwritten(String place) throws IOException {
        MountedVolume.assumeMounted();
        try (MountedVolume volume = MapTest.volume(place, "dax=always").mount()) {
            Path file = file(volume, 'o');
            Command lost = MapTest.maptest("lost", file, BAD_PAGE);
            try (Progress program = Progress.start(lost, "ready")) {
                program.await(1);
                injectPage(file);
                go(program);
                program.await(2);
                write(file, BAD_PAGE, 'n');
                go(program);
                Await.until("the program ends", LIMIT, () -> !program.process().isAlive());
                assertEquals(0, program.process().exitValue());
            }
            volume.unmount();
            volume.assertClean();
        }
    }

    private static void go(Progress program) throws IOException {
        program.process().getOutputStream().write('g');
        program.process().getOutputStream().flush();
    }

    @ParameterizedTest(name = "{0}")
    @ValueSource(strings = {"load", "store"})
    void aMappingThroughThePageCacheIsSigbusToo(String access) throws IOException {
        MountedVolume.assumeMounted();
        try (MountedVolume volume = MapTest.volume("memory", "dax=never").mount()) {
            Path file = file(volume, 'o');
            injectPage(file);
            Command.Result touched =
                    Command.of(MapTest.program(), "touch", file, PAGES, "plain", access)
                            .with("MAPTEST_PLAIN", "1")
                            .run();
            assertTrue(
                    touched.out().contains("page " + BAD_PAGE + " | SIGBUS"), touched.toString());
        }
    }

    @Test
    void aClearedUnitHasItsContentBack() throws IOException {
        MountedVolume.assumeMounted();
        try (MountedVolume volume = MapTest.volume("memory", "dax=always").mount()) {
            Path file = file(volume, 'o');
            injectPage(file);
            assertEio(file, BAD_PAGE);
            inject(file, "--clear", "--offset", BAD_PAGE * PAGE + 512, "--length", 512);
            assertEquals('o', Files.readAllBytes(file)[BAD_PAGE * PAGE + 512]);
            Command.Result hole = run(file, "--offset", PAGES * PAGE + 10);
            hole.expectExit(1);
            assertTrue(hole.err().contains("only a hole"), hole.toString());
        }
    }

    @Test
    void metadataHitMakesTheVolumeReadOnlyUntilFsck() throws IOException {
        MountedVolume.assumeMounted();
        try (MountedVolume volume = MapTest.volume("memory", "commit=600").format()) {
            long journal = volume.dump("superblock").get("journal_block").asLong();
            long blocks = volume.dump("superblock").get("journal_length_blocks").asLong();
            volume.mount();
            Path file = file(volume, 'o');
            volume.sync();
            inject(volume.directory(), "--block", (journal + 1) * 8, "--count", (blocks - 1) * 8);
            Files.createFile(volume.resolve("new"));
            Command.Result sync = MountedVolume.fuseDax("sync", volume.directory()).run();
            assertEquals(1, sync.exitCode(), sync.toString());
            assertTrue(sync.err().contains("Input/output error"), sync.toString());
            assertThrows(IOException.class, () -> Files.createFile(volume.resolve("another")));
            JsonNode stats = volume.stats();
            assertTrue(stats.get("read_only").asBoolean(), stats.toString());
            String problem = stats.get("problem").asText();
            assertTrue(problem.contains("journal transaction"), problem);
            assertTrue(problem.contains("bad block"), problem);
            assertEquals('o', Files.readAllBytes(file)[0], "what is there can be read");
            volume.unmount();
            assertEquals("error", state(volume));
            volume.fsck("-y").expectExit(0);
            volume.assertClean();
            assertEquals("clean", state(volume));
            volume.mount();
            assertEquals('o', Files.readAllBytes(file)[0]);
        }
    }

    private static String state(MountedVolume volume) {
        return volume.dump("superblock").get("mount_state").get("state").asText();
    }
}
