package io.fusedax.tests.direct;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.tests.support.Await;
import io.fusedax.tests.support.MountedVolume;
import io.fusedax.tests.support.Posix;
import java.io.IOException;
import java.time.Duration;
import java.util.Arrays;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A program that does not answer a revocation holds nobody up, and can spoil no other file. */
final class FencingIT {
    private static final int SIGSTOP = 19;
    private static final int SIGCONT = 18;
    private static final int PIECE = 1 << 20;
    private static final int MAPPED = 16 * PIECE;
    private static final int OTHER = 24 * PIECE;
    private static final Duration LIMIT = Duration.ofSeconds(30);

    @ParameterizedTest(name = "region on {0}")
    @ValueSource(strings = {"memory", "disk"})
    void aStoppedProgramIsGivenUp(String place) throws IOException {
        MountedVolume.assumeMounted();
        MountedVolume.Builder builder = MountedVolume.builder().size("64M");
        builder.mountOptions("dax=always");
        try (MountedVolume volume = (place.equals("disk") ? builder.onDisk() : builder).mount()) {
            fill(volume, "mapped", MAPPED, 'm');
            try (Progress program =
                    Progress.start(MapTest.maptest("hold", volume.resolve("mapped")), "ready")) {
                program.await(1);
                Posix.kill(program.process().pid(), SIGSTOP);
                long begin = System.nanoTime();
                Posix.truncate(volume.resolve("mapped"), 0);
                Duration elapsed = Duration.ofNanos(System.nanoTime() - begin);
                assertTrue(elapsed.compareTo(LIMIT) < 0, "truncate took " + elapsed);
                assertEquals(1, MountedVolume.counter(volume.stats(), "revocation_timeouts"));
                volume.sync();
                fill(volume, "other", OTHER, 'o');
                Posix.kill(program.process().pid(), SIGCONT);
                program.process().getOutputStream().write('g');
                program.process().getOutputStream().close();
                Await.until("the program ends", LIMIT, () -> !program.process().isAlive());
            }
            assertFilled(volume, "other", OTHER, 'o');
            // The program has gone, and what it held is free again: both do not fit otherwise.
            Await.until("blocks are free", LIMIT, () -> tryFill(volume, "again", MAPPED));
            assertFilled(volume, "other", OTHER, 'o');
            volume.unmount();
            volume.assertClean();
        }
    }

    @ParameterizedTest(name = "region on {0}")
    @ValueSource(strings = {"memory", "disk"})
    void aKilledProgramIsNotWaitedFor(String place) {
        MountedVolume.assumeMounted();
        MountedVolume.Builder builder = MountedVolume.builder().size("64M");
        builder.mountOptions("dax=always");
        try (MountedVolume volume = (place.equals("disk") ? builder.onDisk() : builder).mount()) {
            fill(volume, "mapped", MAPPED, 'm');
            try (Progress program =
                    Progress.start(MapTest.maptest("hold", volume.resolve("mapped")), "ready")) {
                program.await(1);
                program.kill();
                Posix.truncate(volume.resolve("mapped"), 0);
            }
            assertEquals(0, MountedVolume.counter(volume.stats(), "revocation_timeouts"));
            fill(volume, "other", OTHER + MAPPED, 'o');
            volume.unmount();
            volume.assertClean();
        }
    }

    private static boolean tryFill(MountedVolume volume, String name, int bytes) {
        try {
            fill(volume, name, bytes, 'a');
            return true;
        } catch (RuntimeException e) {
            Posix.unlink(volume.resolve(name));
            return false;
        }
    }

    private static void fill(MountedVolume volume, String name, int bytes, char content) {
        byte[] piece = new byte[PIECE];
        Arrays.fill(piece, (byte) content);
        int fd = Posix.create(volume.resolve(name));
        try {
            for (int at = 0; at < bytes; at += PIECE) {
                assertEquals(PIECE, Posix.pwrite(fd, piece, at));
            }
            Posix.fsync(fd);
        } finally {
            Posix.close(fd);
        }
    }

    private static void assertFilled(MountedVolume volume, String name, int bytes, char content) {
        byte[] piece = new byte[PIECE];
        Arrays.fill(piece, (byte) content);
        int fd = Posix.open(volume.resolve(name), Posix.O_RDONLY);
        for (int at = 0; at < bytes; at += PIECE) {
            byte[] found = Posix.pread(fd, PIECE, at);
            assertEquals(-1, Arrays.mismatch(piece, found), name + " from " + at);
        }
        Posix.close(fd);
    }
}
