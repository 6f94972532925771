package io.fusedax.backing.journal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.Counter;
import io.fusedax.backing.Counters;
import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.Seed;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.region.CrashRegion;
import io.fusedax.backing.region.Survivors;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class JournalTest {
    private static final int REGION_BYTES = 1 << 20;

    private final Random random = Seed.random("JournalTest");
    private CrashRegion region;
    private ToyVolume volume;

    @BeforeEach
    void format() throws FsException {
        region = new CrashRegion(REGION_BYTES);
        volume = ToyVolume.format(region);
    }

    private boolean commit() throws FsException {
        return volume.journal.commit(volume.journal.runningTid(), CommitCause.SYNC);
    }

    private ToyVolume afterPowerLoss() throws FsException {
        return ToyVolume.open(new CrashRegion(region.image(Survivors.NONE, random)));
    }

    @Test
    void aDiscardedOperationLeavesEveryByteAsItWas() throws FsException {
        for (int i = 0; i < 500; i++) {
            volume.operate(random, random.nextInt(3) == 0); // checks after every discard
            if (random.nextInt(20) == 0) {
                commit();
            }
        }
    }

    @Test
    void nothingIsStoredHomeBeforeTheCommit() throws FsException {
        long dataOffset = volume.geometry.firstDataBlock() << Geometry.BLOCK_SHIFT;
        byte[] before = new byte[Geometry.BLOCK_BYTES];
        byte[] after = new byte[Geometry.BLOCK_BYTES];
        region.read(dataOffset, before, 0, before.length);
        for (int i = 0; i < 5; i++) {
            volume.operate(random, true);
        }
        region.read(dataOffset, after, 0, after.length);
        assertArrayEquals(before, after);
        commit();
        region.read(dataOffset, after, 0, after.length);
        assertFalse(java.util.Arrays.equals(before, after));
    }

    @Test
    void anEmptyTransactionIsNotCommitted() throws FsException {
        assertFalse(commit());
        assertEquals(-1, volume.journal.runningAgeNanos());
        volume.operate(random, true);
        assertTrue(volume.journal.runningAgeNanos() >= 0);
        long tid = volume.journal.runningTid();
        assertTrue(commit());
        assertEquals(tid, volume.journal.durableTid());
        assertFalse(volume.journal.commit(tid, CommitCause.FSYNC));
        assertEquals(1, volume.counters.get(Counter.JOURNAL_COMMITS_SYNC));
        assertEquals(0, volume.counters.get(Counter.JOURNAL_COMMITS_FSYNC));
    }

    @Test
    void aCommitCostsTwoDrainsAndTheLinesChanged() throws FsException {
        volume.operate(random, true);
        commit();
        long used = volume.journal.usedBytes();
        int[] drains = new int[1];
        region.beforeDrain(() -> drains[0]++);
        MetaBuffer root = root(volume);
        try (Transaction tx = volume.journal.begin("one long")) {
            tx.putLong(root, 2048, 1);
            tx.commit();
        }
        commit();
        assertEquals(2, drains[0]);
        assertTrue(
                volume.journal.usedBytes() - used <= 512,
                "log bytes for one long: " + (volume.journal.usedBytes() - used));
    }

    private static MetaBuffer root(ToyVolume volume) throws FsException {
        return volume.journal
                .cache()
                .load(StructureType.RECORD_NODE, volume.geometry.firstDataBlock(), 1);
    }

    @Test
    void aRunningTransactionThatGetsLargeIsCommitted() throws FsException {
        while (volume.counters.get(Counter.JOURNAL_COMMITS_PRESSURE) == 0) {
            volume.operate(random, true);
            assertTrue(volume.journal.usedBytes() < volume.journal.capacityBytes());
        }
        assertTrue(volume.counters.get(Counter.JOURNAL_LOGGED_BYTES) > 0);
        assertTrue(volume.journal.durableTid() > 0);
    }

    /** Each structure costs its first line, for the checksum, beside the changed one. */
    @Test
    void theEstimateOfARunningTransactionIsAnUpperBound() throws FsException {
        int structures = 100;
        long start = volume.geometry.firstDataBlock() + 1;
        List<MetaBuffer> buffers = new ArrayList<>();
        for (int i = 0; i < structures; i++) {
            try (Transaction tx = volume.journal.begin("create")) {
                long address = start + i << Geometry.BLOCK_SHIFT;
                buffers.add(tx.create(StructureType.DIRECTORY_LEAF, address));
                tx.commit();
            }
        }
        commit();
        long logged = volume.counters.get(Counter.JOURNAL_LOGGED_BYTES);
        RunningTransaction estimate = new RunningTransaction(volume.journal.runningTid());
        try (Transaction tx = new Transaction(volume.journal)) {
            tx.open(estimate, 0, -1);
            for (MetaBuffer buffer : buffers) {
                tx.putLong(buffer, 3000, 1);
            }
            tx.commit();
        }
        buffers.forEach(
                buffer -> {
                    buffer.dirtyTid = 0;
                    buffer.dirtyLines = 0;
                });
        try (Transaction tx = volume.journal.begin("one line each")) {
            for (MetaBuffer buffer : buffers) {
                tx.putLong(buffer, 3000, 2);
            }
            tx.commit();
        }
        commit();
        long bytes = volume.counters.get(Counter.JOURNAL_LOGGED_BYTES) - logged;
        assertTrue(
                bytes <= estimate.estimatedBytes() + 512,
                "logged " + bytes + ", estimated " + estimate.estimatedBytes());
    }

    @Test
    void aFreedStructureIsNotReplayedOverTheNextLifeOfItsBlock() throws FsException {
        long block = volume.geometry.firstDataBlock() + 1;
        try (Transaction tx = volume.journal.begin("make")) {
            MetaBuffer leaf =
                    tx.create(StructureType.DIRECTORY_LEAF, block << Geometry.BLOCK_SHIFT);
            tx.putLong(leaf, 8, 2);
            tx.commit();
        }
        commit();
        try (Transaction tx = volume.journal.begin("free")) {
            MetaBuffer leaf = volume.journal.cache().load(StructureType.DIRECTORY_LEAF, block, 2);
            tx.discard(leaf);
            tx.putLong(root(volume), 4000, 1);
            tx.commit();
        }
        commit();
        byte[] data = new byte[Geometry.BLOCK_BYTES];
        random.nextBytes(data);
        region.write(block << Geometry.BLOCK_SHIFT, data, 0, data.length);
        region.flush(block << Geometry.BLOCK_SHIFT, data.length);
        region.drain();
        ToyVolume recovered = afterPowerLoss();
        byte[] found = new byte[data.length];
        recovered.region.read(block << Geometry.BLOCK_SHIFT, found, 0, found.length);
        assertArrayEquals(data, found);
        assertEquals(2, recovered.counters.get(Counter.JOURNAL_RECOVERED_TRANSACTIONS));
    }

    @Test
    void commitAnswersOnlyAfterTheFreedBlocksMayBeUsedAgain() throws Exception {
        List<String> order = new ArrayList<>();
        long tid = volume.journal.runningTid();
        Thread second =
                new Thread(
                        () -> {
                            try {
                                volume.journal.commit(tid, CommitCause.NOSPACE);
                                synchronized (order) {
                                    order.add("second commit answered");
                                }
                            } catch (FsException e) {
                                throw new IllegalStateException(e);
                            }
                        });
        volume.journal.setClient(
                new SilentClient() {
                    @Override
                    public void freedDurably(long packedExtent) {
                        second.start();
                        Thread.State state = second.getState();
                        while (state != Thread.State.WAITING && state != Thread.State.TERMINATED) {
                            Thread.onSpinWait();
                            state = second.getState();
                        }
                        synchronized (order) {
                            order.add("freed");
                        }
                    }
                });
        try (Transaction tx = volume.journal.begin("free")) {
            tx.putLong(root(volume), 4000, 1);
            tx.noteFree(1L << 32 | volume.geometry.firstDataBlock() + 5);
            tx.commit();
        }
        commit();
        second.join();
        assertEquals(List.of("freed", "second commit answered"), order);
    }

    /** A client without a care. */
    private static class SilentClient implements JournalClient {
        @Override
        public void undoAllocation(Transaction tx, long packedExtent) {}

        @Override
        public void undoFree(Transaction tx, long packedExtent) {}

        @Override
        public void freedDurably(long packedExtent) {}

        @Override
        public void prepareCommit(Transaction tx) {}
    }

    @Test
    void aFailedJournalStoresNothingMore() throws FsException {
        volume.operate(random, true);
        commit();
        byte[] before = region.bytes().clone();
        volume.operate(random, true);
        volume.journal.fail("test");
        assertEquals(Errno.EIO, errnoOf(this::commit));
        assertEquals(Errno.EROFS, errnoOf(() -> volume.journal.begin("more")));
        volume.journal.setClient(new SilentClient());
        assertEquals(Errno.EIO, errnoOf(() -> volume.journal.close()));
        ToyVolume again = afterPowerLoss();
        assertEquals(volume.journal.durableTid(), again.journal.durableTid());
        assertEquals(before.length, region.bytes().clone().length);
    }

    @Test
    void aDrainThatFailsStopsTheJournal() throws FsException {
        volume.operate(random, true);
        region.beforeDrain(
                () -> {
                    throw new UncheckedIOException(new java.io.IOException("no media"));
                });
        assertThrows(UncheckedIOException.class, this::commit);
        assertTrue(volume.journal.failure().contains("no media"), volume.journal.failure());
        assertEquals(0, volume.journal.durableTid());
    }

    @Test
    void aReadOnlyJournalReplaysButRefusesTransactions() throws FsException {
        volume.operate(random, true);
        commit();
        CrashRegion after = new CrashRegion(region.image(Survivors.NONE, random));
        Journal readOnly = Journal.open(after, volume.geometry, 1 << 20, true, new Counters());
        assertEquals(Errno.EROFS, errnoOf(() -> readOnly.begin("change")));
        readOnly.close();
        assertNull(readOnly.failure());
    }

    /** What throws an FsException. */
    interface Call {
        void run() throws FsException;
    }

    static Errno errnoOf(Call call) {
        return assertThrows(FsException.class, call::run).errno();
    }

    /** Transactions are staged in an array, and a log must hold several. */
    @Test
    void sharesAreBoundedByMemoryAndLog() {
        for (long capacity = 256 << 10; capacity <= 1L << 43; capacity *= 2) {
            long pressure = Journal.pressureBytes(capacity);
            long operation = Journal.maximumOperationBytes(capacity);
            assertTrue(pressure + 2 * operation <= capacity, "log of " + capacity);
            assertTrue(pressure + operation <= 128 << 20, "log of " + capacity);
            assertTrue(operation >= 64 << 10, "log of " + capacity);
        }
    }
}
