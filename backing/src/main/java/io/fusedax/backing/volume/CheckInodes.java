package io.fusedax.backing.volume;

import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.DirectoryLeafLayout;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.PackedExtent;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.inode.Inode;
import io.fusedax.backing.inode.InodeNumbers;
import java.util.HashSet;
import java.util.Set;

/**
 * First look at every inode: its fields, its tree, its attributes. All blocks of metadata are
 * claimed here, before any of file data: metadata names its owner, so there is no doubt whose it
 * is.
 */
final class CheckInodes {
    private static final int TIME_FIELDS = 4;
    private static final int NANOS_PER_SECOND = 1_000_000_000;

    private final CheckPass pass;
    private final CheckReport report;
    private final CheckInodeTable table;
    private final CheckXattrs xattrs;
    private final CheckExtents extents;
    private final CheckTree tree;
    private final CheckSymlink symlink;
    private final byte[] inode = new byte[InodeLayout.SIZE_BYTES];
    private final byte[] leaf = new byte[DirectoryLeafLayout.SIZE_BYTES];
    private final Set<Long> leaves = new HashSet<>();

    private long number;
    private String where;
    private long blocks;
    private boolean damagedTree;
    private long firstLeafKey;

    CheckInodes(CheckPass pass) {
        this.pass = pass;
        this.report = pass.report;
        this.table = pass.table;
        this.xattrs = pass.xattrs;
        this.extents = new CheckExtents(pass.volume);
        this.tree = new CheckTree(pass.volume);
        this.symlink = new CheckSymlink(pass.volume);
    }

    void checkAll() {
        long highWater = findHighWater();
        pass.highWater = highWater;
        pass.highWaterFound = highWater;
        for (long n = InodeNumbers.ROOT; n < highWater; n++) {
            check(n);
        }
        requireDirectory(InodeNumbers.ROOT, 0755);
        requireDirectory(InodeNumbers.ORPHANS, 0);
    }

    /** The mark that is stored, or what the inodes before and behind it say. */
    private long findHighWater() {
        long stored = pass.state.isValid() ? pass.state.inodeHighWater() : 0;
        boolean possible = stored >= InodeNumbers.FIRST && stored <= table.capacity();
        long highWater = possible ? stored : InodeNumbers.FIRST;
        for (long n = highWater; n < table.capacity(); n++) {
            if (table.load(n, inode) == null) {
                highWater = n + 1;
            }
        }
        while (highWater > InodeNumbers.FIRST && wasNeverUsed(highWater - 1)) {
            highWater--;
        }
        return highWater;
    }

    /** Whether there is not even a damaged inode. */
    private boolean wasNeverUsed(long unused) {
        return table.load(unused, inode) != null
                && Bytes.getInt(inode, StructureType.MAGIC_OFFSET) != StructureType.INODE.magic()
                && Bytes.getLong(inode, InodeLayout.INODE) != unused;
    }

    private void check(long inodeNumber) {
        number = inodeNumber;
        where = table.where(number);
        String problem = table.load(number, inode);
        int mode = Bytes.getInt(inode, InodeLayout.MODE);
        if (problem == null && mode == 0) {
            return;
        }
        if (problem == null) {
            problem = fatalProblem(mode);
        }
        if (problem != null) {
            report.problem(where + ": " + problem, "freed; its names are removed");
            pass.states.setKind(number, CheckStates.BROKEN);
            return;
        }
        pass.states.setKind(number, mode >>> 12);
        byte[] before = inode.clone();
        checkFields();
        checkBlocks();
        if (pass.states.inUse(number) && !java.util.Arrays.equals(before, inode)) {
            table.put(number, inode);
        }
    }

    private String fatalProblem(int mode) {
        int type = mode & Inode.S_IFMT;
        boolean known =
                switch (type) {
                    case Inode.S_IFREG,
                            Inode.S_IFDIR,
                            Inode.S_IFLNK,
                            Inode.S_IFCHR,
                            Inode.S_IFBLK,
                            Inode.S_IFIFO,
                            Inode.S_IFSOCK ->
                            true;
                    default -> false;
                };
        if (!known || mode >>> 16 != 0) {
            return String.format("mode 0%o is of no file type", mode);
        }
        if (type == Inode.S_IFLNK && symlink.targetBytes(inode) < 0) {
            return "symbolic link without target";
        }
        return null;
    }

    private void checkFields() {
        int flags = Bytes.getInt(inode, InodeLayout.FLAGS);
        if ((flags & ~InodeFlags.SUPPORTED) != 0) {
            report.problem(
                    String.format("%s: flags 0x%x has unknown bits", where, flags), "bits removed");
            Bytes.putInt(inode, InodeLayout.FLAGS, flags & InodeFlags.SUPPORTED);
        }
        for (int i = 0; i < TIME_FIELDS; i++) {
            int field = InodeLayout.ATIME_NANOS + i * Integer.BYTES;
            int nanos = Bytes.getInt(inode, field);
            if (nanos < 0 || nanos >= NANOS_PER_SECOND) {
                report.problem(
                        where
                                + ": time at byte "
                                + field
                                + " has nanoseconds "
                                + Integer.toUnsignedString(nanos)
                                + ", expected below "
                                + NANOS_PER_SECOND,
                        "set to 0");
                Bytes.putInt(inode, field, 0);
            }
        }
    }

    private void checkBlocks() {
        blocks = 0;
        damagedTree = false;
        long expectedSize = -1;
        if (isSymlink()) {
            // first of all, since it decides where the target is
            expect(InodeLayout.FILE_SIZE, "file_size", symlink.targetBytes(inode));
        }
        if (pass.states.isDirectory(number)) {
            expectedSize = checkLeaves();
        } else if (CheckExtents.hasExtents(inode)) {
            checkExtents();
        } else if (!isSymlink()) {
            expectedSize = 0;
        }
        blocks += xattrs.check(number, table.offsetOf(number), inode);
        if (damagedTree) {
            pass.states.set(number, CheckStates.REBUILD); // which counts anew
            return;
        }
        if (expectedSize >= 0) {
            expect(InodeLayout.FILE_SIZE, "file_size", expectedSize);
        }
        expect(InodeLayout.BLOCK_COUNT, "block_count", blocks);
    }

    private boolean isSymlink() {
        return (Bytes.getInt(inode, InodeLayout.MODE) & Inode.S_IFMT) == Inode.S_IFLNK;
    }

    private void expect(int field, String name, long expected) {
        long found = Bytes.getLong(inode, field);
        if (found != expected) {
            report.problem(
                    where + ": " + name + " " + found + ", expected " + expected, "corrected");
            Bytes.putLong(inode, field, expected);
        }
    }

    private void damaged(String text, String remedy) {
        report.problem(text, remedy);
        damagedTree = true;
    }

    private void claimNode(StructureType type, long block) {
        blocks++;
        if (!pass.ownership.claim(block, 1)) {
            pass.contested.add(block);
            damaged(
                    CheckText.ofInode(type, number, block << Geometry.BLOCK_SHIFT)
                            + ": block is not its own",
                    "moved");
        }
    }

    private void checkExtents() {
        long size = Bytes.getLong(inode, InodeLayout.FILE_SIZE);
        if (size < 0 || size > Geometry.MAX_FILE_BYTES) {
            report.problem(
                    where + ": file_size " + size + ", expected 0.." + Geometry.MAX_FILE_BYTES,
                    "set to the end of its last extent");
        }
        long[] end = new long[1];
        extents.walk(
                number,
                table.offsetOf(number),
                inode,
                new CheckTree.Visitor() {
                    @Override
                    public void node(long block, int level, int count) {
                        claimNode(StructureType.RECORD_NODE, block);
                    }

                    @Override
                    public void record(long key, long value) {
                        blocks += PackedExtent.length(value);
                        end[0] = key + PackedExtent.length(value);
                    }

                    @Override
                    public void problem(String text) {
                        damaged(text, "made a hole");
                    }
                });
        if (size < 0 || size > Geometry.MAX_FILE_BYTES) {
            Bytes.putLong(inode, InodeLayout.FILE_SIZE, end[0] << Geometry.BLOCK_SHIFT);
        }
    }

    /** Returns the size that the directory should have. */
    private long checkLeaves() {
        leaves.clear();
        firstLeafKey = 0;
        tree.walk(
                number,
                table.offsetOf(number),
                inode,
                new CheckTree.Visitor() {
                    @Override
                    public void node(long block, int level, int count) {
                        claimNode(StructureType.RECORD_NODE, block);
                    }

                    @Override
                    public void record(long key, long value) {
                        checkLeaf(key, value);
                    }

                    @Override
                    public void problem(String text) {
                        damaged(text, "its names are lost");
                    }
                });
        if (firstLeafKey != 0) {
            damaged(where + ": first leaf has key " + firstLeafKey + ", expected 0", "corrected");
        }
        return (long) leaves.size() << Geometry.BLOCK_SHIFT;
    }

    private void checkLeaf(long key, long block) {
        String problem = CheckLeaf.load(pass.volume, number, block, leaf);
        if (problem == null && !leaves.add(block)) {
            problem = "there twice in the directory";
        }
        if (problem != null) {
            damaged(
                    CheckText.ofInode(
                                    StructureType.DIRECTORY_LEAF,
                                    number,
                                    block << Geometry.BLOCK_SHIFT)
                            + ": "
                            + problem,
                    "its names are lost");
            return;
        }
        if (leaves.size() == 1) {
            firstLeafKey = key;
        }
        claimNode(StructureType.DIRECTORY_LEAF, block);
    }

    /** Root and orphan directory must be there; a damaged one is begun anew. */
    private void requireDirectory(long required, int permissions) {
        if (pass.states.isDirectory(required)) {
            return;
        }
        if (pass.states.kind(required) != CheckStates.BROKEN) {
            report.problem(
                    table.where(required)
                            + ": "
                            + (required == InodeNumbers.ROOT ? "root" : "orphan")
                            + " directory is none",
                    "made anew");
        } else {
            report.note(table.where(required) + ": made anew, as an empty directory");
        }
        byte[] made = new byte[InodeLayout.SIZE_BYTES];
        Bytes.putLong(made, InodeLayout.INODE, required);
        Bytes.putInt(made, InodeLayout.MODE, Inode.S_IFDIR | permissions);
        Bytes.putInt(made, InodeLayout.LINK_COUNT, 2);
        Bytes.putLong(made, InodeLayout.PARENT, required);
        table.put(required, made);
        pass.states.setKind(required, CheckStates.DIRECTORY);
    }
}
