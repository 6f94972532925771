package io.fusedax.backing.volume;

import io.fusedax.backing.FsException;
import io.fusedax.backing.inode.Inode;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** Inodes pinned and, once {@link #lock()} returned, locked exclusively in ascending order. */
final class LockedInodes implements AutoCloseable {
    private final VolumeCore core;
    private final List<Inode> pinned = new ArrayList<>(4);
    private List<Inode> order = List.of();
    private long[] stamps;
    private Inode orphans;
    private long orphansStamp;

    LockedInodes(VolumeCore core) {
        this.core = core;
    }

    Inode pin(long number) throws FsException {
        Inode inode = core.pin(number);
        pinned.add(inode);
        return inode;
    }

    void lock() {
        order = new ArrayList<>(pinned);
        order.sort(Comparator.comparingLong(Inode::number));
        stamps = new long[order.size()];
        for (int i = 0; i < order.size(); i++) {
            if (i == 0 || order.get(i) != order.get(i - 1)) {
                stamps[i] = order.get(i).lock().writeLock();
            }
        }
    }

    /** Locks the orphan directory, after all others. */
    void lockOrphans() throws FsException {
        if (orphans == null) {
            orphans = core.pin(io.fusedax.backing.inode.InodeNumbers.ORPHANS);
            orphansStamp = orphans.lock().writeLock();
        }
    }

    /** How often this set pinned the inode. */
    int pinsOf(Inode inode) {
        int count = 0;
        for (Inode each : pinned) {
            count += each == inode ? 1 : 0;
        }
        return count;
    }

    @Override
    public void close() throws FsException {
        if (orphans != null) {
            orphans.lock().unlockWrite(orphansStamp);
            core.unpin(orphans);
        }
        for (int i = order.size() - 1; i >= 0; i--) {
            if (stamps[i] != 0) {
                order.get(i).lock().unlockWrite(stamps[i]);
            }
        }
        for (Inode inode : pinned) {
            core.unpin(inode);
        }
    }
}
