package io.fusedax.tests.direct;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.tests.support.MountedVolume;
import io.fusedax.tests.support.Posix;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Programs that hold a mapping while its file, or the daemon, goes away under it. */
final class FencingIT {
    private static final int SIGTERM = 15;
    private static final int SIGCONT = 18;
    private static final int SIGSTOP = 19;
    private static final int BUS_ERROR = 128 + 7;
    private static final long LIMIT_SECONDS = 30;

    private MountedVolume volume;
    private Process program;
    private BufferedReader said;

    @BeforeEach
    void map() throws IOException {
        MountedVolume.assumeMounted();
        volume = MountedVolume.builder().size("64M").mountOptions("dax=always").mount();
        int fd = Posix.create(volume.resolve("file"));
        Posix.ftruncate(fd, 4096);
        Posix.close(fd);
        program =
                MapTest.preloaded(MapTest.program("hold"), volume.resolve("file"))
                        .builder()
                        .start();
        said =
                new BufferedReader(
                        new InputStreamReader(program.getInputStream(), StandardCharsets.UTF_8));
        assertEquals("mapped", said.readLine());
    }

    @AfterEach
    void end() {
        if (program != null) {
            program.destroyForcibly();
        }
        if (volume != null) {
            volume.close();
        }
    }

    private void tell(String line) throws IOException {
        OutputStream input = program.getOutputStream();
        input.write((line + "\n").getBytes(StandardCharsets.UTF_8));
        input.flush();
    }

    /** Stores until it dies: the end of the connection reaches it when it does. */
    private void dies() throws Exception {
        String line = "stored";
        while (line != null) {
            assertEquals("stored", line);
            tell("z");
            line = said.readLine();
        }
        assertTrue(program.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS));
        assertEquals(BUS_ERROR, program.exitValue());
    }

    private byte first(String name) {
        int fd = Posix.open(volume.resolve(name), Posix.O_RDONLY);
        byte[] content = Posix.pread(fd, 1, 0);
        Posix.close(fd);
        return content[0];
    }

    private long counter(String key) {
        return MountedVolume.counter(volume.stats(), key);
    }

    @Test
    void whoAnswersLosesOnlyWhatIsTakenBack() throws Exception {
        tell("b");
        assertEquals("stored", said.readLine());
        assertEquals('b', first("file"));
        Posix.truncate(volume.resolve("file"), 0);
        Posix.truncate(volume.resolve("file"), 4096);
        assertEquals(0, first("file"));
        tell("c");
        assertEquals("stored", said.readLine());
        assertEquals('c', first("file"));
        assertEquals(1, counter("revocations"));
        assertEquals(0, counter("revocation_timeouts"));
    }

    /** Its blocks are nobody's while it may store into them. */
    @Test
    void whoDoesNotAnswerIsCutOffAndReachesNoOtherFile() throws Exception {
        Posix.kill(program.pid(), SIGSTOP);
        Posix.truncate(volume.resolve("file"), 0);
        assertEquals(1, counter("revocation_timeouts"));
        volume.sync();
        fill("other");
        Posix.kill(program.pid(), SIGCONT);
        dies();
        assertAll("other", (byte) 'o');
        volume.unmount();
        volume.assertClean();
    }

    private void fill(String name) {
        byte[] content = new byte[1 << 20];
        Arrays.fill(content, (byte) 'o');
        int fd = Posix.create(volume.resolve(name));
        for (int i = 0; i < 40; i++) {
            Posix.pwrite(fd, content, (long) i << 20);
        }
        Posix.close(fd);
    }

    private void assertAll(String name, byte expected) {
        int fd = Posix.open(volume.resolve(name), Posix.O_RDONLY);
        for (int i = 0; i < 40; i++) {
            byte[] content = Posix.pread(fd, 1 << 20, (long) i << 20);
            byte[] all = new byte[content.length];
            Arrays.fill(all, expected);
            assertTrue(Arrays.equals(all, content), name + " at MiB " + i);
        }
        Posix.close(fd);
    }

    @Test
    void theDaemonsEndIsABusErrorAndWhatWasCommittedIsThere() throws Exception {
        tell("b");
        assertEquals("stored", said.readLine());
        Posix.kill(volume.daemonPid(), SIGTERM);
        io.fusedax.tests.support.Await.until(
                "the daemon ends",
                java.time.Duration.ofSeconds(LIMIT_SECONDS),
                () -> !volume.daemonIsRunning());
        dies();
        volume.assertClean();
        volume.mount();
        assertEquals('b', first("file"));
    }
}
