package io.fusedax.tests.direct;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.tests.support.Command;
import io.fusedax.tests.support.MountedVolume;
import io.fusedax.tests.support.Seed;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A JVM with FileChannel.map of READ_WRITE_SYNC and force, killed with its daemon in mid-run. */
final class JavaMappingIT {
    @ParameterizedTest(name = "region on {0}")
    @ValueSource(strings = {"memory", "disk"})
    void everyForcedRecordSurvivesKill9(String place) {
        MountedVolume.assumeMounted();
        Random random = Seed.random("JavaMappingIT");
        MountedVolume.Builder builder = MountedVolume.builder();
        builder.mountOptions("dax=always,commit=600");
        if (place.equals("disk")) {
            builder.onDisk();
        }
        try (MountedVolume volume = builder.mount()) {
            Path file = volume.resolve("file");
            Command.Result refused = Command.of(java("run", file)).run();
            assertNotEquals(0, refused.exitCode(), "READ_WRITE_SYNC without the library");
            long forced;
            try (Progress progress =
                    Progress.start(MapTest.preloaded(java("run", file)), "forced")) {
                progress.await(1000 + random.nextInt(20_000));
                volume.kill9();
                forced = progress.kill();
            }
            volume.assertClean();
            volume.mount();
            Command.Result found = MapTest.preloaded(java("check", file, forced)).ok();
            assertEquals("found " + forced, found.out().strip());
            assertTrue(forced >= 1000);
        }
    }

    private static Object[] java(Object... arguments) {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        String classes = MountedVolume.checkout().resolve("tests/target/test-classes").toString();
        Object[] words = new Object[arguments.length + 5];
        words[0] = java;
        words[1] = "-Xmx64m";
        words[2] = "-cp";
        words[3] = classes;
        words[4] = SyncMapper.class.getName();
        System.arraycopy(arguments, 0, words, 5, arguments.length);
        return words;
    }
}
