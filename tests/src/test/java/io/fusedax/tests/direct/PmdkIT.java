package io.fusedax.tests.direct;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.tests.support.Command;
import io.fusedax.tests.support.MountedVolume;
import io.fusedax.tests.support.Seed;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The Persistent Memory Development Kit: pools of all types, and transactions killed in mid-run.
 */
final class PmdkIT {
    private static final int ROUNDS = 4;

    @ParameterizedTest(name = "pmempool {0}")
    @ValueSource(strings = {"obj", "log", "blk 512", "blk 4096"})
    void aPoolIsConsistentAfterKill9(String type) {
        MountedVolume.assumeMounted();
        Assumptions.assumeTrue(Command.exists("pmempool"), "no pmempool: install pmdk-tools");
        try (MountedVolume volume = mount("memory")) {
            Path pool = volume.resolve("pool");
            String create =
                    type.startsWith("blk")
                            ? "pmempool create blk --size 64M " + type.substring(4)
                            : "pmempool create " + type + " --size 64M";
            MapTest.preloaded("sh", "-ec", create + " \"$1\"", "sh", pool).ok();
            check(pool);
            volume.kill9();
            volume.assertClean();
            volume.mount();
            check(pool);
            String info = MapTest.preloaded("pmempool", "info", pool).ok().out();
            String word = type.replaceAll(" .*", "");
            assertTrue(info.toLowerCase(java.util.Locale.ROOT).contains(word), info);
            MapTest.preloaded("pmempool", "rm", pool).ok();
        }
    }

    @ParameterizedTest(name = "region on {0}")
    @CsvSource({"memory", "disk"})
    void everyTransactionOfLibpmemobjSurvivesKill9(String place) {
        MountedVolume.assumeMounted();
        MapTest.assumeHeader("libpmemobj.h", "libpmemobj-dev");
        Random random = Seed.random("PmdkIT " + place);
        Path bank = MapTest.program("bank", "pmemobj");
        try (MountedVolume volume = mount(place)) {
            Path pool = volume.resolve("pool");
            MapTest.preloaded(bank, "create", pool).ok();
            long committed = 0;
            for (int round = 0; round < ROUNDS; round++) {
                long goal = committed + 100 + random.nextInt(5000);
                try (Progress progress =
                        Progress.start(MapTest.preloaded(bank, "run", pool), "committed")) {
                    progress.await(goal);
                    volume.kill9();
                    committed = progress.kill();
                }
                volume.assertClean();
                volume.mount();
                MapTest.preloaded(bank, "check", pool, committed).ok();
                check(pool);
            }
        }
    }

    private static void check(Path pool) {
        Assumptions.assumeTrue(Command.exists("pmempool"), "no pmempool: install pmdk-tools");
        Command.Result result = MapTest.preloaded("pmempool", "check", "-v", pool).ok();
        assertTrue(result.out().contains("consistent"), result.toString());
        assertTrue(!result.out().contains("not consistent"), result.toString());
    }

    private static MountedVolume mount(String place) {
        MountedVolume.Builder builder = MountedVolume.builder();
        builder.mountOptions("dax=always,commit=600");
        return (place.equals("disk") ? builder.onDisk() : builder).mount();
    }
}
