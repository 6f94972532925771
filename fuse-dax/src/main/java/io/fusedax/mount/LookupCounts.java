package io.fusedax.mount;

import io.fusedax.backing.FsException;
import io.fusedax.backing.volume.Volume;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * The native transport's nodes: a node id is an inode number, but for the root's. Counted here is
 * how often the kernel was told of each, which is how often it will forget it.
 *
 * <p>Invariants:
 *
 * <ul>
 *   <li>An inode that the kernel knows is not freed: one that loses its last name while known stays
 *       pinned in the volume ({@link #removed}) until the last forget. So a node id never means
 *       another file than the one the kernel was told of.
 *   <li>Inodes with a name are not pinned, however many the kernel knows: the count is all that is
 *       kept of them, 16 bytes at most half used.
 * </ul>
 */
final class LookupCounts implements Nodes {
    private static final int STRIPES_LOG2 = 6;
    private static final long MULTIPLIER = 0x9E3779B97F4A7C15L;

    private static final long POLL_NANOS = 100_000;

    private final Volume volume;
    private final AtomicLong kept = new AtomicLong(); // without a name, known to the kernel
    private final AtomicLong freed = new AtomicLong();
    private final Stripe[] stripes = new Stripe[1 << STRIPES_LOG2];

    LookupCounts(Volume volume) {
        this.volume = volume;
        for (int i = 0; i < stripes.length; i++) {
            stripes[i] = new Stripe();
        }
    }

    private Stripe stripe(long inode) {
        return stripes[(int) (inode * MULTIPLIER >>> 64 - STRIPES_LOG2)];
    }

    /** The node id of an inode. */
    static long nodeOf(long inode) {
        return inode == Volume.ROOT_INODE ? ROOT_NODE : inode;
    }

    @Override
    public long inodeOf(long nodeId) {
        if (nodeId == ROOT_NODE) {
            return Volume.ROOT_INODE;
        }
        return nodeId >= Volume.FIRST_INODE ? nodeId : 0;
    }

    @Override
    public long pinnedInodeOf(long nodeId) {
        return inodeOf(nodeId);
    }

    @Override
    public long openableInodeOf(long nodeId) {
        return inodeOf(nodeId);
    }

    @Override
    public void opened(long nodeId, long inode) {
        // its handle pins the inode
    }

    @Override
    public void closed(long nodeId) {
        // as above
    }

    /** The kernel is about to be told of an inode once more. */
    void known(long inode) {
        if (inode != Volume.ROOT_INODE) {
            stripe(inode).add(inode, 1);
        }
    }

    /**
     * An inode that the caller has acquired has lost a name. If that was the last one and the
     * kernel knows the inode, the caller's acquisition is kept until the last forget; otherwise it
     * is given back here.
     */
    void removed(long inode, boolean nameless) throws FsException {
        if (nameless && stripe(inode).keep(inode)) {
            kept.incrementAndGet();
        } else {
            volume.release(inode);
        }
    }

    @Override
    public void forget(long nodeId, long lookups) throws FsException {
        if (nodeId >= Volume.FIRST_INODE && stripe(nodeId).forget(nodeId, lookups)) {
            try {
                volume.release(nodeId);
            } finally {
                freed.incrementAndGet();
                kept.decrementAndGet();
            }
        }
    }

    @Override
    public long freed() {
        return freed.get();
    }

    @Override
    public boolean awaitFreed(long freedBefore, long deadlineNanos) {
        while (freed.get() == freedBefore
                && kept.get() > 0
                && System.nanoTime() - deadlineNanos < 0) {
            LockSupport.parkNanos(POLL_NANOS);
        }
        return freed.get() != freedBefore;
    }

    @Override
    public void forgetAll() throws FsException {
        for (Stripe stripe : stripes) {
            for (long inode : stripe.takeKept()) {
                volume.release(inode);
            }
        }
    }

    @Override
    public void visit(Visitor visitor) throws FsException {
        for (Stripe stripe : stripes) {
            for (long inode : stripe.known()) {
                visitor.node(inode, inode);
            }
        }
    }

    /** How many inodes the kernel knows. */
    long size() {
        long sum = 0;
        for (Stripe stripe : stripes) {
            sum += stripe.size();
        }
        return sum;
    }

    /** A hash table with linear probing of inode numbers, 0 being none. Allocates when it grows. */
    private static final class Stripe {
        /** Set in a count: the inode is kept without a name. */
        private static final long KEPT = 1L << 62;

        private static final int FIRST_SLOTS = 16;

        private long[] inodes = new long[FIRST_SLOTS];
        private long[] counts = new long[FIRST_SLOTS];
        private int used;

        synchronized int size() {
            return used;
        }

        private int home(long inode) {
            return (int) (inode * MULTIPLIER >>> 16) & inodes.length - 1;
        }

        private int find(long inode) {
            int slot = home(inode);
            while (inodes[slot] != 0 && inodes[slot] != inode) {
                slot = slot + 1 & inodes.length - 1;
            }
            return slot;
        }

        synchronized void add(long inode, long lookups) {
            int slot = find(inode);
            if (inodes[slot] == 0) {
                if (2 * used >= inodes.length) {
                    grow();
                    slot = find(inode);
                }
                inodes[slot] = inode;
                counts[slot] = 0;
                used++;
            }
            counts[slot] += lookups;
        }

        /** Whether the inode is known, and was not kept yet. */
        synchronized boolean keep(long inode) {
            int slot = find(inode);
            if (inodes[slot] == 0 || (counts[slot] & KEPT) != 0) {
                return false;
            }
            counts[slot] |= KEPT;
            return true;
        }

        /** Whether the inode was kept and is so no longer. */
        synchronized boolean forget(long inode, long lookups) {
            int slot = find(inode);
            if (inodes[slot] == 0) {
                return false;
            }
            long known = counts[slot] & ~KEPT;
            boolean kept = (counts[slot] & KEPT) != 0;
            if (Long.compareUnsigned(lookups, known) < 0) {
                counts[slot] -= lookups;
                return false;
            }
            remove(slot);
            return kept;
        }

        synchronized long[] known() {
            return java.util.Arrays.stream(inodes).filter(inode -> inode != 0).toArray();
        }

        synchronized long[] takeKept() {
            long[] kept = new long[used];
            int count = 0;
            for (int slot = 0; slot < inodes.length; slot++) {
                if (inodes[slot] != 0 && (counts[slot] & KEPT) != 0) {
                    kept[count++] = inodes[slot];
                }
            }
            inodes = new long[FIRST_SLOTS];
            counts = new long[FIRST_SLOTS];
            used = 0;
            return java.util.Arrays.copyOf(kept, count);
        }

        /** Closes the gap, so that every entry is found from its home without one between. */
        private void remove(int slot) {
            int gap = slot;
            int next = gap;
            while (true) {
                next = next + 1 & inodes.length - 1;
                if (inodes[next] == 0) {
                    break;
                }
                int distance = next - home(inodes[next]) & inodes.length - 1;
                if (distance >= (next - gap & inodes.length - 1)) {
                    inodes[gap] = inodes[next];
                    counts[gap] = counts[next];
                    gap = next;
                }
            }
            inodes[gap] = 0;
            used--;
        }

        private void grow() {
            long[] oldInodes = inodes;
            long[] oldCounts = counts;
            inodes = new long[2 * oldInodes.length];
            counts = new long[inodes.length];
            for (int i = 0; i < oldInodes.length; i++) {
                if (oldInodes[i] != 0) {
                    int slot = find(oldInodes[i]);
                    inodes[slot] = oldInodes[i];
                    counts[slot] = oldCounts[i];
                }
            }
        }
    }
}
