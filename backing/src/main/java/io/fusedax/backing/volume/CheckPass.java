package io.fusedax.backing.volume;

import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.DirectoryLeafLayout;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.inode.InodeNumbers;
import io.fusedax.backing.namespace.Directory;
import java.util.HashSet;
import java.util.Set;

/**
 * One look at the whole volume. What is wrong is put right at once in memory, so that it is told
 * once and not with all its consequences; whether that is stored is for others to decide.
 *
 * <p>Order: inodes and their metadata, names, file data, places for what has no name, and at last
 * what is computed from all that: free inodes, bitmaps, counters. Memory: a bit for each block of
 * groups in use, 5 to 13 bytes for each inode, one directory or map that is written anew.
 */
final class CheckPass {
    final CheckedVolume volume;
    final CheckReport report;
    final CheckOwnership ownership;
    final Directory nameKeys;
    final long nowSeconds;
    final CheckVolumeState state;
    final CheckInodeTable table;
    final CheckStates states;
    final CheckXattrs xattrs;

    /** Blocks of metadata that its owner lost to somebody else. */
    final Set<Long> contested = new HashSet<>();

    /** Inode numbers in use lie below. */
    long highWater;

    /** The same before any repair. */
    long highWaterFound;

    private final CheckFreeInodes freeInodes;
    private final byte[] inode = new byte[InodeLayout.SIZE_BYTES];

    /**
     * @param ownership empty, but for what an earlier pass gave up
     * @throws FsException EUCLEAN when the inode table is damaged
     */
    CheckPass(
            CheckedVolume volume,
            CheckReport report,
            CheckOwnership ownership,
            Directory nameKeys,
            long nowSeconds)
            throws FsException {
        this.volume = volume;
        this.report = report;
        this.ownership = ownership;
        this.nameKeys = nameKeys;
        this.nowSeconds = nowSeconds;
        this.table = CheckInodeTable.read(volume, ownership, report);
        this.state = new CheckVolumeState(volume, report);
        this.states = new CheckStates(table.capacity());
        this.xattrs = new CheckXattrs(volume, report, ownership);
        this.freeInodes = new CheckFreeInodes(this);
    }

    void run() {
        table.checkFields(report);
        new CheckInodes(this).checkAll();
        CheckDirectories directories = new CheckDirectories(this);
        CheckNames names = new CheckNames(this, directories);
        names.countAll();
        CheckFiles files = new CheckFiles(this);
        files.claimAll();
        volume.brokenBlocks().forEach(ownership::allocateLast);
        names.placeAll();
        new RepairInodes(this, files, names, directories).repairAll();
        freeInodes.check();
        new CheckGroups(this).check();
        state.finish();
    }

    /** Takes a free inode for use; 0 when there is none. */
    long takeFreeInode() {
        return freeInodes.take();
    }

    /** Generation of an inode, as far as it can be read. */
    int generationOf(long number) {
        table.load(number, inode);
        return Bytes.getLong(inode, InodeLayout.INODE) == number
                ? Bytes.getInt(inode, InodeLayout.GENERATION)
                : 0;
    }

    /** Frees an inode that has no data claimed yet. */
    void free(long number, byte[] bytes) {
        CheckTree.Visitor nodes =
                new CheckTree.Visitor() {
                    private final byte[] leaf = new byte[DirectoryLeafLayout.SIZE_BYTES];

                    @Override
                    public void node(long block, int level, int count) {
                        giveUp(block);
                    }

                    @Override
                    public void record(long key, long value) {
                        if (states.isDirectory(number)
                                && CheckLeaf.load(volume, number, value, leaf) == null) {
                            giveUp(value);
                        }
                    }

                    private void giveUp(long block) {
                        if (!contested.contains(block)) {
                            ownership.giveUp(block, 1);
                            volume.forget(block);
                        }
                    }
                };
        if (states.isDirectory(number) || CheckExtents.hasExtents(bytes)) {
            new CheckTree(volume).walk(number, table.offsetOf(number), bytes, nodes);
        }
        xattrs.giveUpAll(number, bytes);
        states.setKind(number, CheckStates.BROKEN);
    }

    /** Numbers of ordinary inodes. */
    boolean isOrdinary(long number) {
        return number >= InodeNumbers.FIRST && number < highWater;
    }
}
