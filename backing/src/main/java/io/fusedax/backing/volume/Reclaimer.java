package io.fusedax.backing.volume;

import io.fusedax.backing.FsException;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.inode.Inode;
import io.fusedax.backing.inode.InodeNumbers;
import io.fusedax.backing.journal.Transaction;
import io.fusedax.backing.namespace.Dentry;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import jnr.constants.platform.Errno;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Inodes on their way out. One that lost its last name but is in use, or whose blocks are too many
 * for one transaction, has an entry in the hidden orphan directory from the transaction that made
 * it so; a mount after a crash finds it there and goes on.
 */
final class Reclaimer {
    private static final Logger LOG = LoggerFactory.getLogger(Reclaimer.class);

    private final VolumeCore core;

    /** Journal bytes behind one unit of {@link io.fusedax.backing.inode.ExtentMap}'s cost. */
    private static final int BYTES_PER_COST_UNIT = 512;

    private static final long MAX_BUDGET = 4096;

    /** What one transaction allocates or frees at most. */
    private final long budget;

    Reclaimer(VolumeCore core) {
        this.core = core;
        this.budget =
                Math.min(MAX_BUDGET, core.journal.maximumOperationBytes() / BYTES_PER_COST_UNIT);
    }

    /** Cost that one transaction may have, in the units of the extent map. */
    long budget() {
        return budget;
    }

    private static byte[] nameOf(Inode inode) {
        return Long.toHexString(inode.number()).getBytes(StandardCharsets.US_ASCII);
    }

    /** Enters an inode; the orphan directory is locked. */
    void enter(Transaction tx, Inode inode) throws FsException {
        Inode orphans = core.pin(InodeNumbers.ORPHANS);
        try {
            byte[] name = nameOf(inode);
            if (!core.directory.find(orphans, name, 0, name.length, new Dentry())) {
                core.directory.insert(
                        tx, orphans, name, 0, name.length, inode.number(), inode.type() >>> 12);
            }
        } finally {
            core.unpin(orphans);
        }
    }

    /** Takes an inode out, if it is in; the orphan directory is locked. */
    void leave(Transaction tx, Inode inode) throws FsException {
        Inode orphans = core.pin(InodeNumbers.ORPHANS);
        try {
            byte[] name = nameOf(inode);
            Dentry found = new Dentry();
            if (core.directory.find(orphans, name, 0, name.length, found)) {
                core.directory.remove(tx, orphans, found);
            }
        } finally {
            core.unpin(orphans);
        }
    }

    /** Whether one transaction can free the inode with all it owns. */
    boolean isSmall(Inode inode) throws FsException {
        return isSmall(inode, 0) && core.xattrs.isSmall(inode);
    }

    /** Whether one transaction can free all blocks of the file behind a block. */
    boolean isSmall(Inode inode, long fromBlock) throws FsException {
        return !ownsExtents(inode)
                || core.content.map().costBehind(inode, fromBlock, budget + 1) <= budget;
    }

    private static boolean ownsExtents(Inode inode) {
        return inode.isRegular()
                || inode.isSymlink() && inode.sizeBytes() > InodeLayout.PAYLOAD_BYTES;
    }

    /**
     * Frees a small inode that nobody else uses, with all it owns. The last step of an operation.
     */
    void destroy(Transaction tx, Inode inode) throws FsException {
        if (ownsExtents(inode)) {
            core.content.shrink(tx, inode, 0, MAX_BUDGET);
        }
        core.xattrs.removeFirst(tx, inode); // isSmall: there is no second
        core.table.free(tx, inode);
    }

    /**
     * Frees an inode without a name that nobody uses any more. No lock is held.
     *
     * @throws FsException EUCLEAN for one that is never without a name, whatever the media says
     */
    void reclaim(long number) throws FsException {
        if (core.options.readOnly() || core.journal.failure() != null) {
            return;
        }
        if (number < InodeNumbers.FIRST) {
            throw new FsException(Errno.EUCLEAN, "inode " + number + ": link_count 0, to be freed");
        }
        try (LockedInodes locked = new LockedInodes(core)) {
            Inode inode = locked.pin(number);
            locked.lock();
            if (!inode.isLive() || inode.linkCount() > 0 || inode.pins() > 1) {
                return;
            }
            locked.lockOrphans();
            boolean done = false;
            try {
                freeAll(inode);
                done = true;
            } finally {
                if (!done) {
                    inode.giveUpReclaiming(); // or the unpin below would try again, without end
                }
            }
        }
    }

    private void freeAll(Inode inode) throws FsException {
        if (ownsExtents(inode)) {
            freeInSteps(inode, 0);
        }
        while (!core.xattrs.isSmall(inode)) {
            core.mutateFreeing("reclaim", tx -> core.xattrs.removeFirst(tx, inode));
        }
        core.mutateFreeing(
                "reclaim",
                tx -> {
                    leave(tx, inode);
                    destroy(tx, inode);
                });
    }

    /**
     * Frees what lies behind a new, smaller size; the inode is an orphan if it takes many steps.
     */
    void freeInSteps(Inode inode, long sizeBytes) throws FsException {
        boolean[] done = new boolean[1];
        core.mutateFreeing(
                "truncate", tx -> done[0] = core.content.shrink(tx, inode, sizeBytes, budget));
        while (!done[0]) {
            core.mutateFreeing(
                    "truncate", tx -> done[0] = core.content.freeBehindEnd(tx, inode, budget));
        }
    }

    /** After a crash: finishes what was under way. */
    void recover() throws FsException {
        List<Long> numbers = new ArrayList<>();
        Inode orphans = core.pin(InodeNumbers.ORPHANS);
        try {
            core.directory.visit(
                    orphans, 0, (name, offset, length, inode, type, key) -> numbers.add(inode));
        } finally {
            core.unpin(orphans);
        }
        if (core.options.readOnly()) {
            return;
        }
        for (long number : numbers) {
            reclaim(number);
            finishTruncate(number);
        }
        if (!numbers.isEmpty()) {
            LOG.info("orphans_reclaimed count={}", numbers.size());
        }
    }

    private void finishTruncate(long number) throws FsException {
        try (LockedInodes locked = new LockedInodes(core)) {
            Inode inode = locked.pin(number);
            locked.lock();
            if (inode.isLive() && inode.linkCount() > 0 && inode.isRegular()) {
                locked.lockOrphans();
                freeInSteps(inode, inode.sizeBytes());
                core.mutateFreeing("truncate", tx -> leave(tx, inode));
            }
        }
    }
}
