package io.fusedax.tests.workload;

import io.fusedax.tests.support.Command;
import io.fusedax.tests.support.MountedVolume;
import io.fusedax.tests.support.Seed;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Random writes whose blocks carry their checksum, verified at once and again after kill -9. */
final class FioIT {
    private static final int JOBS = 4;

    @BeforeAll
    static void fioIsInstalled() {
        Assumptions.assumeTrue(Command.exists("fio"), "no fio on the path");
    }

    @ParameterizedTest(name = "{0} block size {1} direct {2} preallocation {3}")
    @CsvSource({
        "psync, 4k, 0, none",
        "psync, 512-256k, 0, native",
        "psync, 4k, 1, none",
        "mmap, 4k, 0, none",
        "mmap, 4k-64k, 0, native",
    })
    void randomWritesVerify(String engine, String blockSize, int direct, String preallocation) {
        long seed = Seed.printed("FioIT " + engine);
        try (MountedVolume volume = MountedVolume.builder().size("512M").mount()) {
            List<Object> words = new ArrayList<>(List.of("fio", "--name=verify"));
            words.add("--directory=" + volume.directory());
            words.addAll(List.of("--rw=randwrite", "--verify=crc32c", "--verify_fatal=1"));
            words.addAll(List.of("--verify_state_save=0", "--size=32m", "--numjobs=" + JOBS));
            words.addAll(List.of("--ioengine=" + engine, "--direct=" + direct));
            words.addAll(List.of("--bsrange=" + range(blockSize), "--fallocate=" + preallocation));
            words.addAll(List.of("--randseed=" + (seed & 0x7fffffff), "--end_fsync=1"));
            words.addAll(List.of("--group_reporting", "--minimal"));
            run(words);
            volume.kill9();
            volume.mount();
            words.add("--verify_only=1");
            run(words);
            volume.unmount();
            volume.assertClean();
        }
    }

    private static void run(List<Object> words) {
        Command.of(words.toArray()).timeout(Duration.ofMinutes(5)).ok();
    }

    private static String range(String blockSize) {
        return blockSize.contains("-") ? blockSize : blockSize + "-" + blockSize;
    }
}
