package io.fusedax.backing.volume;

import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.DentryLayout;
import io.fusedax.backing.format.DirectoryLeafLayout;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.RecordRootLayout;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.inode.Inode;
import io.fusedax.backing.inode.InodeNumbers;
import io.fusedax.backing.journal.CommitCause;
import io.fusedax.backing.journal.MetaBuffer;
import io.fusedax.backing.journal.Transaction;
import io.fusedax.backing.namespace.Dentry;
import java.nio.charset.StandardCharsets;

/**
 * Grants the wishes of a pass. What is derived (free space) was written before; the rest goes
 * through the journal, so that a repair that is interrupted has done each step or not, and is run
 * again.
 */
final class CheckRepair {
    private static final String LOST_AND_FOUND = "lost+found";

    private final CheckState state;
    private final CheckReport report;
    private VolumeCore core;
    private NamespaceOperations names;

    CheckRepair(CheckState state) {
        this.state = state;
        this.report = state.report;
    }

    void run() throws FsException {
        for (long[] wish : state.treesToRebuild) {
            emptyImpossibleRoot(wish[0]);
        }
        state.region.drain();
        core =
                new VolumeCore(
                        state.region,
                        state.geometry,
                        VolumeOptions.defaults().withCommitIntervalMillis(0),
                        false);
        names = new NamespaceOperations(core);
        for (long[] wish : state.treesToRebuild) {
            change(wish[0], "repair tree", (tx, inode) -> rebuildTree(tx, inode, wish));
        }
        for (long number : state.xattrsToDrop) {
            report.note("inode " + number + ": extended attributes removed");
            change(
                    number,
                    "repair xattrs",
                    (tx, inode) -> tx.putLong(inode.buffer(), InodeLayout.XATTR_BLOCK, 0));
        }
        for (CheckState.LeafWish wish : state.leavesToRewrite) {
            change(wish.directory(), "repair leaf", (tx, inode) -> rewriteLeaf(tx, inode, wish));
        }
        for (CheckState.Entry entry : state.entriesToAdd) {
            change(entry.directory, "repair name", (tx, inode) -> addEntry(tx, inode, entry));
        }
        for (long[] wish : state.linksToSet) {
            change(wish[0], "repair links", (tx, inode) -> setLinks(tx, inode, wish));
        }
        for (long[] wish : state.blockCountsToSet) {
            change(wish[0], "repair counts", (tx, inode) -> setCounts(tx, inode, wish));
        }
        for (long number : state.lost) {
            reconnect(number);
        }
        core.journal.commit(core.journal.runningTid(), CommitCause.UNMOUNT);
        core.journal.close();
    }

    /** What changes one inode within a transaction. */
    private interface Change {
        void apply(Transaction tx, Inode inode) throws FsException;
    }

    private void change(long number, String operation, Change change) throws FsException {
        try (LockedInodes locked = new LockedInodes(core)) {
            Inode inode = locked.pin(number);
            locked.lock();
            if (inode.isLive()) {
                core.mutate(operation, tx -> change.apply(tx, inode));
            }
        }
    }

    /** An inode whose root claims more than fits cannot even be loaded. */
    private void emptyImpossibleRoot(long number) {
        long offset = state.inodeOffset(number);
        byte[] bytes = state.load(StructureType.INODE, offset);
        int count = Bytes.getU16(bytes, InodeLayout.PAYLOAD + RecordRootLayout.COUNT);
        if (count > RecordRootLayout.CAPACITY) {
            Bytes.putInt(bytes, InodeLayout.PAYLOAD, 0);
            state.store(StructureType.INODE, offset, bytes);
        }
    }

    private void rebuildTree(Transaction tx, Inode inode, long[] wish) throws FsException {
        report.note(inode + ": tree rebuilt with " + wish.length / 2 + " records");
        tx.putInt(inode.buffer(), InodeLayout.PAYLOAD, 0);
        for (int i = 1; i < wish.length; i += 2) {
            // a directory's first leaf takes all keys below the second's
            long key = inode.isDirectory() && i == 1 ? 0 : wish[i];
            core.tree.insert(tx, inode, key, wish[i + 1]);
        }
    }

    private void rewriteLeaf(Transaction tx, Inode directory, CheckState.LeafWish wish)
            throws FsException {
        MetaBuffer leaf =
                core.journal
                        .cache()
                        .load(StructureType.DIRECTORY_LEAF, wish.block(), directory.number());
        byte[] old = leaf.readOnlyBytes().clone();
        int end = DirectoryLeafLayout.ENTRIES;
        for (int at : wish.keep()) {
            int size = DentryLayout.sizeBytes(Bytes.getU8(old, at + DentryLayout.NAME_LENGTH));
            tx.putBytes(leaf, end, old, at, size);
            end += size;
        }
        int live = end - DirectoryLeafLayout.ENTRIES;
        tx.putShort(leaf, DirectoryLeafLayout.USED_BYTES, end);
        tx.putShort(leaf, DirectoryLeafLayout.LIVE_BYTES, live);
        tx.putShort(leaf, DirectoryLeafLayout.LIVE_COUNT, wish.keep().size());
        report.note(
                leaf + " of " + directory + ": written anew with " + wish.keep().size() + " names");
        if (wish.keep().isEmpty()) {
            core.directory.dropEmptyLeaf(tx, directory, wish.block());
        }
    }

    private void addEntry(Transaction tx, Inode directory, CheckState.Entry entry)
            throws FsException {
        byte[] name = entry.name;
        if (!core.directory.find(directory, name, 0, name.length, new Dentry())) {
            core.directory.insert(tx, directory, name, 0, name.length, entry.inode, entry.type);
        }
    }

    private void setLinks(Transaction tx, Inode inode, long[] wish) {
        report.note(inode + ": link_count set to " + wish[1] + ", parent to " + wish[2]);
        VolumeCore.putLinkCount(tx, inode, (int) wish[1]);
        tx.putLong(inode.buffer(), InodeLayout.PARENT, wish[2]);
    }

    /** Block count, or, when that is -1, the size of a directory. */
    private static void setCounts(Transaction tx, Inode inode, long[] wish) {
        if (wish[1] >= 0) {
            tx.putLong(inode.buffer(), InodeLayout.BLOCK_COUNT, wish[1]);
        } else {
            tx.putLong(inode.buffer(), InodeLayout.FILE_SIZE, wish[2]);
        }
        inode.noteDataChange(tx);
    }

    private void reconnect(long number) throws FsException {
        byte[] folder = LOST_AND_FOUND.getBytes(StandardCharsets.US_ASCII);
        long parentNumber = names.lookup(InodeNumbers.ROOT, folder, 0, folder.length);
        if (parentNumber == 0) {
            parentNumber =
                    names.mkdir(InodeNumbers.ROOT, folder, 0, folder.length, 0700, Caller.ROOT);
        }
        byte[] name = ("#" + number).getBytes(StandardCharsets.US_ASCII);
        try (LockedInodes locked = new LockedInodes(core)) {
            Inode parent = locked.pin(parentNumber);
            Inode inode = locked.pin(number);
            locked.lock();
            Inode oldParent =
                    state.foundParents[(int) number] == 0
                            ? null
                            : core.pin(state.foundParents[(int) number]);
            report.note(inode + ": linked as /lost+found/#" + number);
            core.mutate(
                    "reconnect",
                    tx -> {
                        if (oldParent != null) {
                            removeName(tx, oldParent, number);
                        }
                        VolumeCore.putLinkCount(tx, inode, inode.isDirectory() ? 2 : 1);
                        tx.putLong(inode.buffer(), InodeLayout.PARENT, parent.number());
                        if (!core.directory.find(parent, name, 0, name.length, new Dentry())) {
                            names.addName(tx, parent, name, 0, name.length, inode);
                        }
                    });
            if (oldParent != null) {
                core.unpin(oldParent);
            }
        }
    }

    private void removeName(Transaction tx, Inode directory, long number) throws FsException {
        byte[][] name = new byte[1][];
        core.directory.visit(
                directory,
                0,
                (bytes, offset, length, inode, type, key) -> {
                    if (inode == number) {
                        name[0] = java.util.Arrays.copyOfRange(bytes, offset, offset + length);
                    }
                    return name[0] == null;
                });
        Dentry found = new Dentry();
        if (name[0] != null && core.directory.find(directory, name[0], 0, name[0].length, found)) {
            core.directory.remove(tx, directory, found);
        }
    }
}
