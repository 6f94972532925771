package io.fusedax.backing.region;

import io.fusedax.backing.Counter;
import io.fusedax.backing.Counters;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * For files on a disk: flush remembers pages, drain has the kernel write them.
 *
 * <p>Drains form batches. A drain that finds a batch under way waits for it, and then takes all
 * that was flushed meanwhile in one batch of its own, so many threads share few system calls.
 * Invariant: {@code finishedBatches <= startedBatches <= finishedBatches + 1}, and a flush belongs
 * to batch {@code startedBatches + 1} until that starts.
 */
final class MsyncPersistence implements Persistence {
    /**
     * More ranges than this are written by one fdatasync instead. Every msync waits for the disk
     * anew (85 microseconds each on ext4, where one fdatasync of 65 pages took 460), but fdatasync
     * also writes whatever else is dirty in the file.
     */
    static final int MAX_RANGES = 16;

    /** The system calls. */
    interface Media {
        void msync(long offset, long lengthBytes) throws IOException;

        void fdatasync() throws IOException;
    }

    private final Media media;
    private final Counters counters;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition batchFinished = lock.newCondition();

    // Under the lock, except that a running batch owns the set that is not pending.
    private PageRanges pending;
    private PageRanges spare;
    private long startedBatches;
    private long finishedBatches;
    private Throwable failure;

    MsyncPersistence(Media media, int pageBytes, Counters counters) {
        this.media = media;
        this.counters = counters;
        this.pending = new PageRanges(pageBytes, MAX_RANGES);
        this.spare = new PageRanges(pageBytes, MAX_RANGES);
    }

    @Override
    public void flush(long offset, long lengthBytes) {
        lock.lock();
        try {
            pending.add(offset, lengthBytes);
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void drain() {
        lock.lock();
        try {
            long wantedBatch = pending.isEmpty() ? startedBatches : startedBatches + 1;
            while (finishedBatches < wantedBatch && failure == null) {
                if (startedBatches > finishedBatches) {
                    batchFinished.awaitUninterruptibly();
                } else {
                    runBatch();
                }
            }
            if (failure != null) {
                // The kernel reports lost pages once and then calls them clean, so nothing may be
                // believed any more.
                throw new UncheckedIOException(
                        new IOException("region write-back failed", failure));
            }
        } finally {
            lock.unlock();
        }
    }

    /** Called with the lock held, which is let go while the media works. */
    private void runBatch() {
        PageRanges batch = pending;
        pending = spare;
        startedBatches++;
        lock.unlock();
        Throwable problem = null;
        try {
            write(batch);
        } catch (IOException | RuntimeException | Error e) {
            problem = e;
        } finally {
            lock.lock();
        }
        batch.clear();
        spare = batch;
        finishedBatches++;
        if (problem != null) {
            failure = problem;
        }
        batchFinished.signalAll();
    }

    private void write(PageRanges batch) throws IOException {
        if (batch.isEverything()) {
            media.fdatasync();
            counters.increment(Counter.REGION_FDATASYNCS);
            return;
        }
        for (int i = 0; i < batch.count(); i++) {
            media.msync(batch.start(i), batch.lengthBytes(i));
            counters.increment(Counter.REGION_MSYNCS);
        }
    }

    @Override
    public FlushMechanism mechanism() {
        return FlushMechanism.MSYNC;
    }
}
