package io.fusedax.backing.journal;

import io.fusedax.backing.Counter;
import io.fusedax.backing.Counters;
import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.region.Region;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import java.util.concurrent.locks.StampedLock;
import jnr.constants.platform.Errno;
import org.jctools.queues.MpmcArrayQueue;

/**
 * Redo journal with ext4's laziness: operations change metadata in memory and join one running
 * transaction; a commit makes that durable as a whole, and writes it home.
 *
 * <p>Invariants: the barrier is held shared by every operation and exclusively while a commit takes
 * its snapshot, so a transaction holds whole operations only. Commits are serial, under the commit
 * lock; fsyncs that wait for it find their transaction done, which is group commit. The media's
 * home locations hold exactly the last durable transaction, never anything of the running one.
 */
public final class Journal {
    /** What a commit adds to the operations' records at most. */
    private static final int COMMIT_BYTES = 512;

    /** A transaction is staged in memory, so even a huge journal has bounded ones. */
    private static final long MAX_SHARE_BYTES = 64 << 20;

    private final Counters counters;
    private final MetadataCache cache;
    private final JournalLog log;
    private final Committer committer;
    private final boolean readOnly;
    private final long pressureBytes;
    private final long maximumOperationBytes;

    /** As many operations at once as surely fit the log beside a transaction that has its share. */
    private final Semaphore admission;

    private final StampedLock barrier = new StampedLock();
    private final ReentrantLock commitLock = new ReentrantLock();
    private final AtomicLong operations = new AtomicLong();
    private final MpmcArrayQueue<Transaction> idle = new MpmcArrayQueue<>(64);

    private volatile RunningTransaction running;
    private volatile long durableTid;
    private volatile String failure;
    private JournalClient client;

    private Journal(JournalLog log, MetadataCache cache, Counters counters, boolean readOnly) {
        this.log = log;
        this.cache = cache;
        this.counters = counters;
        this.readOnly = readOnly;
        this.committer = new Committer(log, cache, counters);
        this.pressureBytes = pressureBytes(log.capacityBytes());
        this.maximumOperationBytes = maximumOperationBytes(log.capacityBytes());
        long room = log.capacityBytes() - pressureBytes - COMMIT_BYTES;
        this.admission =
                new Semaphore((int) Math.max(1, Math.min(1 << 20, room / maximumOperationBytes)));
        this.durableTid = log.nextSequence() - 1;
        cache.setDurable(durableTid);
        this.running = new RunningTransaction(durableTid + 1);
    }

    /** What the running transaction may hold before it is committed, with such a log. */
    static long pressureBytes(long capacityBytes) {
        return Math.min(capacityBytes / 4, MAX_SHARE_BYTES);
    }

    static long maximumOperationBytes(long capacityBytes) {
        long smallest = Math.min(capacityBytes / 4, 64 << 10);
        return Math.min(Math.max(capacityBytes / 16, smallest), MAX_SHARE_BYTES);
    }

    /** Writes an empty journal: flushed, not drained. */
    public static void format(Region region, Geometry geometry) {
        new JournalLog(region, geometry, new io.fusedax.backing.format.Checksums(geometry.uuid()))
                .format();
    }

    /**
     * Recovers the journal and opens it.
     *
     * @param cacheBytes bound of the metadata cache
     * @param readOnly refuse every transaction
     * @throws FsException EUCLEAN when header or a committed transaction is damaged
     */
    public static Journal open(
            Region region, Geometry geometry, long cacheBytes, boolean readOnly, Counters counters)
            throws FsException {
        int capacity = (int) Math.min(1 << 28, cacheBytes / Geometry.BLOCK_BYTES);
        MetadataCache cache = new MetadataCache(region, geometry, capacity, counters);
        JournalLog log = new JournalLog(region, geometry, cache.checksums());
        long recovered = new Recovery(log, geometry).run();
        counters.add(Counter.JOURNAL_RECOVERED_TRANSACTIONS, recovered);
        return new Journal(log, cache, counters, readOnly);
    }

    /**
     * Shows what recovery would replay, without replaying it.
     *
     * @return sequence that the log starts with
     */
    public static long inspect(Region region, Geometry geometry, Recovery.Visitor visitor)
            throws FsException {
        JournalLog log =
                new JournalLog(
                        region, geometry, new io.fusedax.backing.format.Checksums(geometry.uuid()));
        long first = log.open();
        new Recovery(log, geometry).walk(first, visitor);
        return first;
    }

    /** Must be called once, before the first transaction. */
    public void setClient(JournalClient newClient) {
        client = newClient;
    }

    public MetadataCache cache() {
        return cache;
    }

    JournalClient client() {
        return client;
    }

    /**
     * Starts an operation, committing first when the running transaction has its share of the
     * journal. The caller holds no other operation open.
     *
     * @param operation name for messages
     * @throws FsException EROFS when the volume is read-only or failed
     */
    public Transaction begin(String operation) throws FsException {
        refuseIfStopped(operation);
        admission.acquireUninterruptibly();
        try {
            if (running.estimatedBytes() > pressureBytes) {
                commit(running.tid, CommitCause.PRESSURE);
            }
            refuseIfStopped(operation);
            return open();
        } catch (FsException | RuntimeException | Error e) {
            admission.release();
            throw e;
        }
    }

    private void refuseIfStopped(String operation) throws FsException {
        if (readOnly || failure != null) {
            throw new FsException(
                    Errno.EROFS,
                    "operation="
                            + operation
                            + ": "
                            + (readOnly ? "volume is read-only" : "volume failed: " + failure));
        }
    }

    private Transaction open() {
        Transaction tx = idle.relaxedPoll();
        if (tx == null) {
            tx = new Transaction(this);
        }
        long stamp = barrier.readLock();
        tx.open(running, stamp, operations.incrementAndGet());
        return tx;
    }

    void end(Transaction tx, long barrierStamp) {
        if (barrierStamp != 0) {
            barrier.unlockRead(barrierStamp);
            admission.release();
            idle.relaxedOffer(tx);
        }
    }

    /** Most log bytes that one operation may dirty. */
    public long maximumOperationBytes() {
        return maximumOperationBytes;
    }

    /** Number of the running transaction. */
    public long runningTid() {
        return running.tid;
    }

    /** Number of the last transaction that is durable. */
    public long durableTid() {
        return durableTid;
    }

    /** Age of the running transaction in nanoseconds; -1 when it holds nothing. */
    public long runningAgeNanos() {
        RunningTransaction current = running;
        return current.isEmpty() ? -1 : System.nanoTime() - current.startedNanos();
    }

    /** Log bytes used since the last reset. */
    public long usedBytes() {
        return log.usedBytes();
    }

    public long capacityBytes() {
        return log.capacityBytes();
    }

    /**
     * Makes the transaction and all before it durable, unless they are.
     *
     * @param tid number of a transaction, at most the running one's
     * @return whether this call did it: false when it was durable, or another caller's commit took
     *     it along
     * @throws FsException EIO when the journal has failed
     */
    public boolean commit(long tid, CommitCause cause) throws FsException {
        if (durableTid >= tid) {
            return false;
        }
        commitLock.lock();
        try {
            if (durableTid >= tid) {
                return false;
            }
            if (failure != null) {
                throw new FsException(Errno.EIO, "journal failed: " + failure);
            }
            return commitRunning(cause);
        } catch (RuntimeException | Error e) {
            fail("commit: " + e);
            throw e;
        } finally {
            commitLock.unlock();
        }
    }

    private boolean commitRunning(CommitCause cause) {
        long startNanos = System.nanoTime();
        RunningTransaction committing;
        long stamp = barrier.writeLock();
        try {
            committing = running;
            if (committing.isEmpty()) {
                return false;
            }
            prepare(committing);
            committer.stage(committing);
            running = new RunningTransaction(committing.tid + 1);
        } finally {
            barrier.unlockWrite(stamp);
        }
        committer.write();
        cache.setDurable(committing.tid);
        for (int i = 0; i < committing.freedExtents().size(); i++) {
            client.freedDurably(committing.freedExtents().get(i));
        }
        durableTid = committing.tid; // last: whoever sees it may use what was freed
        counters.increment(cause.counter());
        counters.add(Counter.JOURNAL_COMMIT_NANOSECONDS, System.nanoTime() - startNanos);
        return true;
    }

    private void prepare(RunningTransaction committing) {
        try (Transaction tx = new Transaction(this)) {
            tx.open(committing, 0, operations.incrementAndGet());
            client.prepareCommit(tx);
            tx.commit();
        }
    }

    /** Commits, and leaves the log empty: nothing is to be recovered. */
    public void close() throws FsException {
        if (readOnly) {
            return;
        }
        commit(running.tid, CommitCause.UNMOUNT);
        commitLock.lock();
        try {
            if (failure == null) {
                log.reset();
            }
        } finally {
            commitLock.unlock();
        }
    }

    /**
     * Stops all change: a bug or broken metadata was met, and what the running transaction holds
     * can no longer be trusted. It is never committed.
     */
    public void fail(String reason) {
        if (failure == null) {
            failure = reason;
        }
    }

    /** Why the journal stopped, or null. */
    public String failure() {
        return failure;
    }
}
