package io.fusedax.tests.direct;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.tests.support.Command;
import io.fusedax.tests.support.MountedVolume;
import io.fusedax.tests.support.Seed;
import java.time.Duration;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Threads and processes store, load, truncate, punch, collapse and fork at random: no byte of one
 * file ever shows in another, and files with one owner have every byte the owner gave them.
 */
final class StressIT {
    private static final int SECONDS = Integer.getInteger("stress.seconds", 30);

    @ParameterizedTest(name = "{0}")
    @ValueSource(strings = {"memory", "signal", "disk", "memory fault=around:64k"})
    void noByteOfOneFileShowsInAnother(String kind) {
        MountedVolume.assumeMounted();
        long seed = Seed.printed("StressIT " + kind) & 0x7fffffff;
        String[] words = kind.split(" ");
        String options = "dax=always" + (words.length > 1 ? "," + words[1] : "");
        try (MountedVolume volume = MapTest.volume(words[0], options).size("512M").mount()) {
            Command.Result result =
                    MapTest.maptest("stress", volume.directory(), SECONDS, seed)
                            .timeout(Duration.ofSeconds(SECONDS + 120L))
                            .run();
            System.out.println(kind + ":\n" + result.out());
            assertEquals(0, result.exitCode(), result.toString());
            assertTrue(!result.out().contains("FAILED"), result.toString());
            volume.unmount();
            volume.assertClean();
        }
    }
}
