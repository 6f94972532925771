package io.fusedax.backing.inode;

import io.fusedax.backing.FsException;
import io.fusedax.backing.alloc.AllocatorFixture;
import io.fusedax.backing.alloc.ExtentAllocator;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.journal.Journal;
import io.fusedax.backing.journal.Transaction;
import io.fusedax.backing.region.Region;

/** The volume up to the inodes, in memory. */
public final class InodeFixture implements AutoCloseable {
    public final AllocatorFixture lower;
    public final Region region;
    public final Geometry geometry;
    public Journal journal;
    public ExtentAllocator allocator;
    public RecordTree tree;
    public ExtentMap map;
    public InodeTable table;
    public Xattrs xattrs;

    public InodeFixture(long regionBytes, long journalBytes) throws FsException {
        this(new AllocatorFixture(regionBytes, journalBytes));
    }

    public InodeFixture(AllocatorFixture lower) throws FsException {
        this.lower = lower;
        this.region = lower.region;
        this.geometry = lower.geometry;
        build();
    }

    private void build() throws FsException {
        journal = lower.journal;
        allocator = lower.allocator;
        tree = new RecordTree(journal.cache(), allocator);
        map = new ExtentMap(tree, allocator, geometry);
        table = new InodeTable(journal, allocator, lower.state, 64, region.counters());
        xattrs = new Xattrs(journal.cache(), allocator);
    }

    /** As after kill -9. Inodes from before must be pinned anew. */
    public void reopen() throws FsException {
        lower.open();
        build();
    }

    /** Commits the running transaction. */
    public void commit() throws FsException {
        lower.commit();
    }

    /** What is done in one transaction. */
    @FunctionalInterface
    public interface Change {
        void run(Transaction tx) throws FsException;
    }

    /** Runs a change as one operation. */
    public void change(Change change) throws FsException {
        try (Transaction tx = journal.begin("test")) {
            change.run(tx);
            tx.commit();
        }
    }

    /** Runs a change and takes it back. */
    public void discard(Change change) throws FsException {
        try (Transaction tx = journal.begin("discarded test")) {
            change.run(tx);
        }
    }

    /** A new inode in use, pinned. */
    public Inode newInode(int mode) throws FsException {
        table.prepareAllocation();
        Inode[] made = new Inode[1];
        change(
                tx -> {
                    made[0] = table.allocate(tx);
                    tx.putInt(made[0].buffer(), InodeLayout.MODE, mode);
                    tx.putInt(made[0].buffer(), InodeLayout.LINK_COUNT, 1);
                });
        return made[0];
    }

    @Override
    public void close() {
        lower.close();
    }
}
