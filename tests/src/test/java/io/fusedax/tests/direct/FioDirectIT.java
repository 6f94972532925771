package io.fusedax.tests.direct;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.tests.support.Await;
import io.fusedax.tests.support.Command;
import io.fusedax.tests.support.MountedVolume;
import io.fusedax.tests.support.Seed;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** fio on direct mappings: libpmem's engine without PMEM_IS_PMEM_FORCE, and mmap. */
final class FioDirectIT {
    private static final Duration LIMIT = Duration.ofMinutes(3);

    @BeforeEach
    void fioIsInstalled() {
        MountedVolume.assumeMounted();
        Assumptions.assumeTrue(Command.exists("fio"), "no fio on the path");
        Assumptions.assumeTrue(
                Command.of("fio", "--enghelp").ok().out().contains("libpmem"),
                "this fio has no libpmem engine");
    }

    @Test
    void libpmemTakesAFileForPersistentMemoryOnlyWithTheLibrary() {
        MapTest.assumeHeader("libpmem.h", "libpmem-dev");
        try (MountedVolume volume = MountedVolume.builder().mountOptions("dax=always").mount()) {
            Path program = MapTest.program("ispmem", "pmem");
            Path file = volume.resolve("file");
            assertEquals("is_pmem 0\n", Command.of(program, file).ok().out());
            assertEquals("is_pmem 1\n", MapTest.preloaded(program, file).ok().out());
            Command.Result refused =
                    Command.of(fio(volume, "libpmem", 1).toArray()).timeout(LIMIT).run();
            assertNotEquals(0, refused.exitCode(), "fio's libpmem engine without the library");
        }
    }

    /**
     * The first run fills sparse files and makes nothing durable but by stores: no fsync, no commit
     * interval, no unmount. The second, on other files (libpmem's engine lays files out anew before
     * it begins), is interrupted by the end of the daemon. Every block of the first must be there.
     */
    @ParameterizedTest(name = "{0} on a region {1}, {2}")
    @CsvSource({
        "libpmem, memory, fault=exact",
        "libpmem, disk, fault=exact",
        "libpmem, memory, fault=around:64k",
        "mmap, memory, fault=exact",
        "mmap, disk, fault=exact",
    })
    void everyBlockVerifiesAfterKill9(String engine, String place, String fault) {
        int seed = (int) Seed.printed("FioDirectIT " + engine) & 0x7fffffff;
        MountedVolume.Builder builder = MountedVolume.builder().size("512M");
        builder.mountOptions("dax=always,commit=600," + fault);
        if (place.equals("disk")) {
            builder.onDisk();
        }
        try (MountedVolume volume = builder.mount()) {
            List<Object> words = fio(volume, engine, seed);
            if (engine.equals("mmap")) {
                words.add("--end_fsync=1");
            }
            MapTest.preloaded(words.toArray()).timeout(LIMIT).ok();
            long before = MountedVolume.counter(volume.stats(), "write_faults");
            words.set(1, "--name=second");
            words.addAll(List.of("--rate_iops=400", "--do_verify=0"));
            Process running = MapTest.preloaded(words.toArray()).startDiscarding();
            try {
                Await.until(
                        "faults of the second run",
                        LIMIT,
                        () ->
                                MountedVolume.counter(volume.stats(), "write_faults") > before
                                        || !running.isAlive());
                assertTrue(running.isAlive(), "fio ended before the kill");
                volume.kill9();
            } finally {
                // Not SIGTERM: fio would end each job with one more block, without its header.
                running.descendants().forEach(ProcessHandle::destroyForcibly);
                running.destroyForcibly();
                Await.until("fio ends", LIMIT, () -> !running.isAlive());
            }
            volume.assertClean();
            volume.mount();
            List<Object> verify = fio(volume, "psync", seed);
            verify.add("--verify_only=1");
            MapTest.preloaded(verify.toArray()).timeout(LIMIT).ok();
            Command.of(verify.toArray()).timeout(LIMIT).ok();
        }
    }

    private static List<Object> fio(MountedVolume volume, String engine, int seed) {
        List<Object> words = new ArrayList<>(List.of("fio", "--name=direct"));
        words.add("--directory=" + volume.directory());
        words.addAll(List.of("--ioengine=" + engine, "--iodepth=1", "--rw=randwrite", "--bs=4k"));
        words.addAll(List.of("--size=16m", "--numjobs=2", "--fallocate=none", "--thread=0"));
        words.addAll(List.of("--verify=crc32c", "--verify_fatal=1", "--verify_state_save=0"));
        words.addAll(List.of("--randseed=" + seed, "--group_reporting", "--minimal"));
        return words;
    }
}
