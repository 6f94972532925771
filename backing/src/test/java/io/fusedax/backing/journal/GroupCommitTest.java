package io.fusedax.backing.journal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.Counter;
import io.fusedax.backing.Counters;
import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.Seed;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.region.CrashRegion;
import io.fusedax.backing.region.Survivors;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLongArray;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Several threads change structures of their own and commit. */
@Timeout(120)
class GroupCommitTest {
    private static final int THREADS = 8;
    private static final int VALUE = 2048;

    private final Random random = Seed.random("GroupCommitTest");
    private CrashRegion region;
    private Geometry geometry;
    private Counters counters;
    private Journal journal;

    @BeforeEach
    void format() throws FsException {
        region = new CrashRegion(1 << 20);
        geometry = ToyVolume.geometry(region);
        Journal.format(region, geometry);
        journal = open(region);
        try (Transaction tx = journal.begin("make")) {
            for (int i = 0; i < THREADS; i++) {
                MetaBuffer leaf = tx.create(StructureType.DIRECTORY_LEAF, address(i));
                tx.putLong(leaf, 8, i);
            }
            tx.commit();
        }
        journal.commit(journal.runningTid(), CommitCause.SYNC);
    }

    private Journal open(CrashRegion of) throws FsException {
        counters = new Counters();
        Journal opened = Journal.open(of, geometry, 1 << 20, false, counters);
        opened.setClient(new NoClient());
        return opened;
    }

    private static final class NoClient implements JournalClient {
        @Override
        public void undoAllocation(Transaction tx, long packedExtent) {}

        @Override
        public void undoFree(Transaction tx, long packedExtent) {}

        @Override
        public void freedDurably(long packedExtent) {}

        @Override
        public void prepareCommit(Transaction tx) {}
    }

    private long address(int thread) {
        return geometry.firstDataBlock() + thread << Geometry.BLOCK_SHIFT;
    }

    private MetaBuffer leaf(Journal of, int thread) throws FsException {
        long block = address(thread) >>> Geometry.BLOCK_SHIFT;
        return of.cache().load(StructureType.DIRECTORY_LEAF, block, thread);
    }

    private long change(int thread, long value) throws FsException {
        try (Transaction tx = journal.begin("change")) {
            tx.putLong(leaf(journal, thread), VALUE, value);
            tx.commit();
            return tx.tid();
        }
    }

    private static <T> List<T> inThreads(int count, ThreadFunction<T> function) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(count);
        try {
            List<Callable<T>> calls = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                int thread = i;
                calls.add(() -> function.run(thread));
            }
            List<T> results = new ArrayList<>();
            for (Future<T> future : pool.invokeAll(calls)) {
                results.add(future.get());
            }
            return results;
        } finally {
            pool.shutdownNow();
        }
    }

    private interface ThreadFunction<T> {
        T run(int thread) throws Exception;
    }

    @Test
    void allThatWaitForACommitShareTheNextOne() throws Exception {
        CountDownLatch firstDrains = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        AtomicInteger drains = new AtomicInteger();
        region.beforeDrain(
                () -> {
                    if (drains.getAndIncrement() == 0) {
                        firstDrains.countDown();
                        await(goOn);
                    }
                });
        long before = counters.get(Counter.JOURNAL_COMMITS_FSYNC);
        Thread[] threads = new Thread[THREADS];
        boolean[] committed = new boolean[THREADS];
        for (int i = 0; i < THREADS; i++) {
            int thread = i;
            threads[i] =
                    new Thread(
                            () -> {
                                try {
                                    long tid = change(thread, 7);
                                    committed[thread] = journal.commit(tid, CommitCause.FSYNC);
                                } catch (FsException e) {
                                    throw new IllegalStateException(e);
                                }
                            });
            threads[i].start();
            if (i == 0) {
                await(firstDrains);
            } else {
                while (threads[i].getState() != Thread.State.WAITING) {
                    Thread.onSpinWait(); // until it stands behind the commit lock
                }
            }
        }
        goOn.countDown();
        int commits = 0;
        for (int i = 0; i < THREADS; i++) {
            threads[i].join();
            commits += committed[i] ? 1 : 0;
        }
        assertEquals(2, commits);
        assertEquals(2, counters.get(Counter.JOURNAL_COMMITS_FSYNC) - before);
        Journal recovered = open(new CrashRegion(region.image(Survivors.NONE, random)));
        for (int i = 0; i < THREADS; i++) {
            assertEquals(7, leaf(recovered, i).getLong(VALUE), "thread " + i);
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void whatCommitAnsweredForIsThereWhateverElseIsUnderWay() throws Exception {
        int rounds = 400;
        AtomicLongArray acknowledged = new AtomicLongArray(THREADS);
        inThreads(
                THREADS + 1,
                thread -> {
                    if (thread == THREADS) {
                        crashUntilDone(acknowledged, rounds);
                        return null;
                    }
                    for (int i = 1; i <= rounds; i++) {
                        journal.commit(change(thread, i), CommitCause.FSYNC);
                        acknowledged.set(thread, i);
                    }
                    return null;
                });
        assertNull(journal.failure());
    }

    private void crashUntilDone(AtomicLongArray acknowledged, int rounds) throws FsException {
        long least = 0;
        while (least < rounds) {
            long[] promised = new long[THREADS];
            least = rounds;
            for (int i = 0; i < THREADS; i++) {
                promised[i] = acknowledged.get(i);
                least = Math.min(least, promised[i]);
            }
            Survivors survivors = Survivors.values()[random.nextInt(Survivors.values().length)];
            CrashRegion image = new CrashRegion(region.image(survivors, random));
            Journal recovered = Journal.open(image, geometry, 1 << 20, false, new Counters());
            for (int i = 0; i < THREADS; i++) {
                long found = leaf(recovered, i).getLong(VALUE);
                assertTrue(found >= promised[i], found + " after " + promised[i]);
            }
        }
    }

    /**
     * Every thread is in an operation or waits to begin one, before the first operation ends: as
     * many as the journal lets in at once, each half as large as an operation may be.
     */
    @Test
    void largeOperationsAtTheSameTimeFitTheJournal() throws Exception {
        int leaves = (int) (journal.maximumOperationBytes() / 2 / (64 * 80));
        Thread[] threads = new Thread[2 * THREADS];
        boolean[] inOperation = new boolean[threads.length];
        inThreads(
                threads.length,
                thread -> {
                    synchronized (threads) {
                        threads[thread] = Thread.currentThread();
                    }
                    try (Transaction tx = journal.begin("large")) {
                        for (int i = 0; i < leaves; i++) {
                            long address = address(THREADS + thread * leaves + i);
                            tx.create(StructureType.DIRECTORY_LEAF, address);
                        }
                        synchronized (threads) {
                            inOperation[thread] = true;
                        }
                        while (!allArrived(threads, inOperation)) {
                            Thread.onSpinWait();
                        }
                        tx.commit();
                    }
                    return null;
                });
        journal.commit(journal.runningTid(), CommitCause.SYNC);
        assertNull(journal.failure());
    }

    private static boolean allArrived(Thread[] threads, boolean[] inOperation) {
        synchronized (threads) {
            for (int i = 0; i < threads.length; i++) {
                boolean waits = threads[i] != null && threads[i].getState() == Thread.State.WAITING;
                if (!inOperation[i] && !waits) {
                    return false;
                }
            }
            return true;
        }
    }
}
