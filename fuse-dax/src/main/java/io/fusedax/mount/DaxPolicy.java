package io.fusedax.mount;

import io.fusedax.backing.volume.InodeFlags;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * Which files are DAX: mapped directly, never in the page cache. By the mount's option {@code dax},
 * and with {@code inode} by the file's flag, which acts as on ext4: when the file is opened for the
 * first time after its last close. Safe for any number of threads.
 */
final class DaxPolicy {
    /** The kernel tells of a close a moment after the program has gone on. */
    static final long LATE_CLOSE_NANOS = 20_000_000;

    private final DaxMode mode;
    private final long lateCloseNanos;
    private final Map<Long, OpenFile> open = new HashMap<>(); // guarded by this

    /** State of an inode that is open; guarded by the policy. */
    private static final class OpenFile {
        final boolean dax;
        int handles;

        OpenFile(boolean dax) {
            this.dax = dax;
        }
    }

    DaxPolicy(DaxMode mode, long lateCloseNanos) {
        this.mode = mode;
        this.lateCloseNanos = lateCloseNanos;
    }

    private boolean dependsOnInode() {
        return mode == DaxMode.INODE;
    }

    /** A handle is opened; returns whether the file is DAX as long as it is open. */
    boolean opened(long inode, int inodeFlags) {
        if (!dependsOnInode()) {
            return mode == DaxMode.ALWAYS;
        }
        boolean flagged = (inodeFlags & InodeFlags.DAX) != 0;
        synchronized (this) {
            OpenFile file = open.get(inode);
            if (file != null && file.dax != flagged) {
                file = awaitLateClose(inode);
            }
            if (file == null) {
                file = new OpenFile(flagged);
                open.put(inode, file);
            }
            file.handles++;
            return file.dax;
        }
    }

    private OpenFile awaitLateClose(long inode) {
        long deadline = System.nanoTime() + lateCloseNanos;
        OpenFile file = open.get(inode);
        long left = lateCloseNanos;
        while (file != null && left > 0) {
            try {
                TimeUnit.NANOSECONDS.timedWait(this, left);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return open.get(inode);
            }
            file = open.get(inode);
            left = deadline - System.nanoTime();
        }
        return file;
    }

    /** A handle that was {@link #opened} is closed. */
    void closed(long inode) {
        if (!dependsOnInode()) {
            return;
        }
        synchronized (this) {
            OpenFile file = open.get(inode);
            if (file != null && --file.handles == 0) {
                open.remove(inode);
                notifyAll();
            }
        }
    }

    /** Whether an open file is DAX. */
    boolean isDax(long inode) {
        if (!dependsOnInode()) {
            return mode == DaxMode.ALWAYS;
        }
        synchronized (this) {
            OpenFile file = open.get(inode);
            return file != null && file.dax;
        }
    }
}
