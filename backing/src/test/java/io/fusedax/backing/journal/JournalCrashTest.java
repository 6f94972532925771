package io.fusedax.backing.journal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.Counter;
import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Seed;
import io.fusedax.backing.journal.ToyVolume.Entry;
import io.fusedax.backing.region.CrashRegion;
import io.fusedax.backing.region.Survivors;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The power may go at any store, flush or drain: of a commit, of an operation, of a recovery. */
class JournalCrashTest {
    private static final int REGION_BYTES = 1 << 20;
    private static final int LIVES = 8;
    private static final int OPERATIONS = 120;

    /** So few that the journal never commits by itself. */
    private static final int OPERATIONS_PER_COMMIT = 4;

    /** One event in so many is a crash point: of a commit, of an operation, of a recovery. */
    private static final int SAMPLE_COMMIT = 6;

    private static final int SAMPLE_OPERATION = 3;
    private static final int SAMPLE_RECOVERY = 150;

    private final Random random = Seed.random("JournalCrashTest");
    private CrashRegion region;
    private ToyVolume volume;

    /** What the last commit made durable. */
    private Entry[] committed;

    private boolean committing;
    private int crashes;
    private int recoveryCrashes;

    @Test
    void commitIsAllOrNothingAtEveryPowerLoss() throws FsException {
        region = new CrashRegion(REGION_BYTES);
        volume = ToyVolume.format(region);
        for (int life = 0; life < LIVES; life++) {
            committed = volume.model.clone();
            region.afterEach(this::maybeCrash);
            live();
            region = new CrashRegion(region.image(anySurvivors(), random));
            volume = ToyVolume.open(region);
            assertTrue(ToyVolume.same(committed, volume.model), "life " + life);
        }
        System.out.println("crashes: " + crashes + ", of recoveries: " + recoveryCrashes);
    }

    private void live() throws FsException {
        int pending = 0;
        for (int i = 0; i < OPERATIONS; i++) {
            volume.operate(random, random.nextInt(6) > 0);
            if (++pending == OPERATIONS_PER_COMMIT || random.nextInt(3) == 0) {
                commit();
                pending = 0;
            }
        }
        volume.check();
    }

    private void commit() throws FsException {
        committing = true;
        volume.journal.commit(volume.journal.runningTid(), CommitCause.SYNC);
        committing = false;
        committed = volume.model.clone();
        check(region.image(Survivors.NONE, random));
    }

    private void maybeCrash() {
        if (random.nextInt(committing ? SAMPLE_COMMIT : SAMPLE_OPERATION) == 0) {
            check(region.image(anySurvivors(), random));
        }
    }

    private Survivors anySurvivors() {
        return Survivors.values()[random.nextInt(Survivors.values().length)];
    }

    /** Recovers an image, also with cuts while it recovers. */
    private void check(byte[] image) {
        crashes++;
        String where = "crash " + crashes;
        try {
            CrashRegion after = new CrashRegion(image);
            List<byte[]> cuts = new ArrayList<>();
            after.afterEach(
                    () -> {
                        if (random.nextInt(SAMPLE_RECOVERY) == 0) {
                            cuts.add(after.image(anySurvivors(), random));
                        }
                    });
            Entry[] found = ToyVolume.open(after).model;
            assertTrue(
                    ToyVolume.same(found, committed)
                            || committing && ToyVolume.same(found, volume.model),
                    where + ": neither before nor after the commit");
            for (byte[] cut : cuts) {
                recoveryCrashes++;
                Entry[] again = ToyVolume.open(new CrashRegion(cut)).model;
                assertTrue(ToyVolume.same(found, again), where + ": second recovery differs");
            }
        } catch (FsException e) {
            throw new AssertionError(where, e);
        }
    }

    @Test
    void theLogIsResetWhenFullAndSurvivesIt() throws FsException {
        region = new CrashRegion(REGION_BYTES);
        volume = ToyVolume.format(region);
        long resets = 0;
        for (int i = 0; i < 300; i++) {
            long used = volume.journal.usedBytes();
            volume.operate(random, true);
            volume.journal.commit(volume.journal.runningTid(), CommitCause.SYNC);
            resets += volume.journal.usedBytes() < used ? 1 : 0;
            assertTrue(volume.journal.usedBytes() <= volume.journal.capacityBytes());
        }
        assertTrue(resets > 1, "resets " + resets);
        assertEquals(resets, volume.counters.get(Counter.JOURNAL_CHECKPOINTS));
        ToyVolume again = ToyVolume.open(new CrashRegion(region.image(Survivors.NONE, random)));
        assertTrue(ToyVolume.same(volume.model, again.model));
        assertEquals(volume.journal.durableTid(), again.journal.durableTid());
    }

    @Test
    void aClosedJournalHasNothingToRecover() throws FsException {
        region = new CrashRegion(REGION_BYTES);
        volume = ToyVolume.format(region);
        for (int i = 0; i < 10; i++) {
            volume.operate(random, true);
        }
        volume.journal.close();
        assertEquals(0, volume.journal.usedBytes());
        CrashRegion after = new CrashRegion(region.image(Survivors.NONE, random));
        ToyVolume again = ToyVolume.open(after);
        assertTrue(ToyVolume.same(volume.model, again.model));
        assertEquals(0, again.counters.get(Counter.JOURNAL_RECOVERED_TRANSACTIONS));
        assertEquals(volume.journal.runningTid(), again.journal.runningTid());
    }
}
