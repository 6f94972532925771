package io.fusedax.tests.crash;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.FsException;
import io.fusedax.backing.region.Region;
import io.fusedax.backing.region.RegionOptions;
import io.fusedax.backing.region.Regions;
import io.fusedax.backing.volume.CheckReport;
import io.fusedax.backing.volume.VolumeChecker;
import io.fusedax.tests.support.Await;
import io.fusedax.tests.support.MountedVolume;
import io.fusedax.tests.support.Seed;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/**
 * kill -9 of the daemon, of programs with synchronous mappings, or of both, again and again, under
 * a mixed load. After each: fsck finds nothing, the volume mounts, each writer's tree is the state
 * after some first operations, all those that fsync acknowledged in it, and the writers' states fit
 * together as one prefix of all operations; what programs stored and told is there.
 *
 * <p>{@code -Dkill.rounds=N}, {@code -Dseed=N}.
 */
final class KillIT {
    private static final int ROUNDS = Integer.getInteger("kill.rounds", 200);
    private static final int WRITERS = 4;
    private static final int MAPPING_PROGRAMS = 2;
    private static final int FSCK_COMMAND_EVERY = 20;
    private static final int LONGEST_LOAD_MILLIS = 500;
    private static final int MOST_OPERATIONS = 1_000_000;
    private static final Duration LIMIT = Duration.ofSeconds(60);

    private final long seed = Seed.printed("KillIT rounds=" + ROUNDS);
    private final Random random = new Random(seed);
    private final List<Writer> writers = new ArrayList<>();
    private long operations;
    private long durable;
    private long records;

    @Test
    void everyFsyncedByteSurvivesKill9() {
        killAgainAndAgain(MountedVolume.builder().size("128M"), false, ROUNDS - ROUNDS * 6 / 10);
    }

    @Test
    void everyFsyncedAndMappedByteSurvivesKill9() {
        MountedVolume.Builder builder = MountedVolume.builder().size("128M");
        builder.mountOptions("dax=always");
        killAgainAndAgain(builder, true, ROUNDS / 2);
    }

    @Test
    void everyFsyncedAndMappedByteSurvivesKill9OnADisk() {
        MountedVolume.Builder builder = MountedVolume.builder().size("128M").onDisk();
        builder.mountOptions("dax=always");
        killAgainAndAgain(builder, true, ROUNDS / 10);
    }

    private void killAgainAndAgain(MountedVolume.Builder builder, boolean mapping, int rounds) {
        MountedVolume.assumeMounted();
        ExecutorService threads = Executors.newFixedThreadPool(WRITERS);
        try (MountedVolume volume = builder.mount()) {
            for (int i = 0; i < WRITERS; i++) {
                Writer writer = new Writer("writer" + i, random.nextLong());
                writer.prepare(volume.directory());
                writers.add(writer);
            }
            for (int round = 0; round < rounds; round++) {
                try {
                    runRound(volume, mapping, threads);
                } catch (AssertionError | RuntimeException e) {
                    String where = "round " + round + ", -Dseed=" + seed;
                    throw new AssertionError(where + ": " + e.getMessage(), e);
                }
            }
            volume.unmount();
            volume.assertClean();
        } finally {
            threads.shutdownNow();
        }
        System.out.printf(
                "KillIT: %d rounds, %d operations, %d of them durable by fsync, %d records by"
                        + " mappings%n",
                rounds, operations, durable, records);
    }

    private void runRound(MountedVolume volume, boolean mapping, ExecutorService threads) {
        List<CompletableFuture<Void>> running = new ArrayList<>();
        for (Writer writer : writers) {
            running.add(
                    CompletableFuture.runAsync(
                            () -> writer.run(volume.directory(), MOST_OPERATIONS), threads));
        }
        List<MappingProgram> programs = new ArrayList<>();
        for (int i = 0; mapping && i < MAPPING_PROGRAMS; i++) {
            programs.add(MappingProgram.start(volume.resolve("mapped" + i)));
        }
        Duration load = Duration.ofMillis(random.nextInt(LONGEST_LOAD_MILLIS));
        boolean failedEarly =
                Await.becomesTrue(load, () -> running.stream().anyMatch(CompletableFuture::isDone));
        writers.forEach(Writer::expectDeath);
        boolean programsFirst = random.nextBoolean();
        if (programsFirst) {
            programs.forEach(MappingProgram::kill);
        }
        volume.kill9();
        programs.forEach(MappingProgram::kill);
        for (CompletableFuture<Void> writer : running) {
            writer.orTimeout(LIMIT.toSeconds(), TimeUnit.SECONDS).join();
        }
        assertTrue(!failedEarly, "a writer ended before the kill");
        if (random.nextInt(FSCK_COMMAND_EVERY) == 0) {
            volume.assertClean();
        } else {
            assertChecked(volume);
        }
        if (random.nextInt(10) == 0) {
            volume.killWhileMounting(Duration.ofMillis(random.nextInt(1000)));
        }
        volume.mount();
        verify(volume);
        for (MappingProgram program : programs) {
            records += program.verifyAndDelete();
        }
    }

    /** What fsck -n does, without starting a process for it. */
    private static void assertChecked(MountedVolume volume) {
        List<String> found = new ArrayList<>();
        try (Region region =
                Regions.open(volume.region(), RegionOptions.defaults().withReadOnly(true))) {
            CheckReport report = VolumeChecker.check(region, false, found::add);
            assertEquals(0, report.problems(), () -> String.join("\n", found));
        } catch (FsException e) {
            throw new AssertionError("fsck: " + e.getMessage(), e);
        }
    }

    private void verify(MountedVolume volume) {
        List<Writer.Kept> kept = new ArrayList<>();
        long begun = 0;
        for (Writer writer : writers) {
            operations += writer.operations();
            durable += writer.durableOperations();
            kept.add(writer.verify(volume.directory()));
            begun = Math.max(begun, writer.beginOfLast(kept.get(kept.size() - 1)));
        }
        for (int i = 0; i < WRITERS; i++) {
            int ended = writers.get(i).endedBefore(begun);
            int most = kept.get(i).most();
            assertTrue(
                    most >= ended,
                    "not one prefix: writer "
                            + i
                            + " lost operation "
                            + most
                            + " of "
                            + ended
                            + " that ended before another writer's kept one began");
            writers.get(i).restart(volume.directory());
        }
    }
}
