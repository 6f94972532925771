package io.fusedax.backing.journal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.JournalHeaderLayout;
import io.fusedax.backing.format.RecordLayout;
import io.fusedax.backing.format.Seed;
import io.fusedax.backing.journal.ToyVolume.Entry;
import io.fusedax.backing.region.CrashRegion;
import io.fusedax.backing.region.Survivors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What recovery makes of journals that no power loss leaves, but broken media or a bug does. */
class RecoveryTest {
    private static final int TRANSACTIONS = 5;

    private final Random random = Seed.random("RecoveryTest");
    private CrashRegion region;
    private ToyVolume volume;
    private final List<Found> log = new ArrayList<>();

    private record Found(long sequence, long offset, long lengthBytes) {}

    /** The journal holds a few committed transactions, all of them home. */
    @BeforeEach
    void commitSome() throws FsException {
        region = new CrashRegion(1 << 20);
        volume = ToyVolume.format(region);
        for (int i = 0; i < TRANSACTIONS; i++) {
            volume.operate(random, true);
            volume.journal.commit(volume.journal.runningTid(), CommitCause.SYNC);
        }
        Journal.inspect(region, volume.geometry, new Collector());
        assertEquals(TRANSACTIONS, log.size());
    }

    private final class Collector implements Recovery.Visitor {
        @Override
        public void transaction(long sequence, long offset, long lengthBytes, long recordCount) {
            log.add(new Found(sequence, offset, lengthBytes));
        }

        @Override
        public void record(int kind, long address, int lengthBytes, long contentOffset) {
            boolean known = kind == RecordLayout.KIND_REDO || kind == RecordLayout.KIND_REVOKE;
            assertTrue(known, "kind " + kind);
            assertEquals(0, address % 64);
            assertEquals(0, lengthBytes % 64);
        }
    }

    private static void flipBit(byte[] image, long offset, Random random) {
        image[(int) offset] ^= (byte) (1 << random.nextInt(8));
    }

    @Test
    void inspectSeesTheTransactionsOneBehindTheOther() {
        long offset = (volume.geometry.journalBlock() + 1) << Geometry.BLOCK_SHIFT;
        for (int i = 0; i < TRANSACTIONS; i++) {
            assertEquals(i + 1, log.get(i).sequence);
            assertEquals(offset, log.get(i).offset);
            offset += log.get(i).lengthBytes + 63 & -64;
        }
    }

    @Test
    void aDamagedTransactionWithAnotherBehindItIsRefusedAndNothingReplayed() {
        for (int round = 0; round < 200; round++) {
            byte[] image = region.bytes().clone();
            Found victim = log.get(random.nextInt(TRANSACTIONS - 1));
            flipBit(image, victim.offset + random.nextInt((int) victim.lengthBytes), random);
            byte[] before = image.clone();
            CrashRegion damaged = new CrashRegion(image);
            FsException e = assertThrows(FsException.class, () -> ToyVolume.open(damaged));
            assertEquals(Errno.EUCLEAN, e.errno());
            assertTrue(e.getMessage().contains("transaction " + victim.sequence), e.getMessage());
            assertArrayEquals(before, damaged.bytes(), "nothing is made worse");
        }
    }

    /** It cannot be told from one that was never finished: a committed prefix is what is left. */
    @Test
    void aDamagedLastTransactionCountsAsTorn() throws FsException {
        Entry[] before = volume.model.clone();
        byte[] home = region.bytes().clone();
        volume.operate(random, true);
        volume.journal.commit(volume.journal.runningTid(), CommitCause.SYNC);
        log.clear();
        Journal.inspect(region, volume.geometry, new Collector());
        Found last = log.get(TRANSACTIONS);
        byte[] image = region.bytes().clone();
        flipBit(image, last.offset + random.nextInt((int) last.lengthBytes), random);
        // as if the power had gone before it was stored home
        long data = volume.geometry.firstDataBlock() << Geometry.BLOCK_SHIFT;
        System.arraycopy(home, (int) data, image, (int) data, image.length - (int) data);
        Entry[] found = ToyVolume.open(new CrashRegion(image)).model;
        assertTrue(ToyVolume.same(before, found));
    }

    @Test
    void oneHeaderSlotIsEnough() throws FsException {
        for (int slot = 0; slot < JournalHeaderLayout.SLOT_COUNT; slot++) {
            byte[] image = region.bytes().clone();
            wipeSlot(image, slot);
            Entry[] found = ToyVolume.open(new CrashRegion(image)).model;
            assertTrue(ToyVolume.same(volume.model, found));
        }
    }

    private void wipeSlot(byte[] image, int slot) {
        int offset =
                (int) (volume.geometry.journalBlock() << Geometry.BLOCK_SHIFT)
                        + slot * JournalHeaderLayout.SLOT_STRIDE_BYTES;
        Arrays.fill(image, offset, offset + JournalHeaderLayout.SIZE_BYTES, (byte) 0x55);
    }

    @Test
    void withoutAHeaderSlotNothingIsTouched() {
        byte[] image = region.bytes().clone();
        wipeSlot(image, 0);
        wipeSlot(image, 1);
        byte[] before = image.clone();
        CrashRegion damaged = new CrashRegion(image);
        FsException e = assertThrows(FsException.class, () -> ToyVolume.open(damaged));
        assertEquals(Errno.EUCLEAN, e.errno());
        assertTrue(e.getMessage().startsWith("journal header"), e.getMessage());
        assertArrayEquals(before, damaged.bytes());
    }

    @Test
    void recoveryCanBeDoneAgainAndAgain() throws FsException {
        byte[] image = region.image(Survivors.ALL, random);
        for (int i = 0; i < 3; i++) {
            CrashRegion after = new CrashRegion(image);
            ToyVolume recovered = ToyVolume.open(after);
            assertTrue(ToyVolume.same(volume.model, recovered.model));
            recovered.operate(random, false);
            image = after.image(Survivors.NONE, random);
        }
    }

    /** The log of the old volume carries the same UUID: nothing of it may come back. */
    @Test
    void formattingAgainWithTheSameUuidForgetsTheOldJournal() throws FsException {
        ToyVolume fresh = ToyVolume.format(region);
        assertTrue(ToyVolume.same(new Entry[ToyVolume.SLOTS], fresh.model));
        fresh.check();
        fresh.operate(random, true);
        fresh.journal.commit(fresh.journal.runningTid(), CommitCause.SYNC);
        byte[] image = region.image(Survivors.NONE, random);
        ToyVolume recovered = ToyVolume.open(new CrashRegion(image));
        assertTrue(ToyVolume.same(fresh.model, recovered.model));
    }
}
