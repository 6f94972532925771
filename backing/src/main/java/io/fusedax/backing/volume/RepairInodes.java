package io.fusedax.backing.volume;

import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.DentryLayout;
import io.fusedax.backing.format.DirectoryLeafLayout;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.PackedExtent;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.inode.InodeNumbers;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Writes what hangs on an inode anew, from all that is good of it: the extents of a file with
 * copies of contested blocks, or the names of a directory. The old blocks stay as they are until
 * the inode is stored, if there are others.
 */
final class RepairInodes {
    private static final int LEAF_ROOM =
            DirectoryLeafLayout.SIZE_BYTES - DirectoryLeafLayout.ENTRIES;
    private static final int ORDINALS = 16;

    private final CheckPass pass;
    private final CheckFiles files;
    private final CheckNames names;
    private final CheckDirectories directories;
    private final byte[] inode = new byte[InodeLayout.SIZE_BYTES];

    RepairInodes(CheckPass pass, CheckFiles files, CheckNames names, CheckDirectories directories) {
        this.pass = pass;
        this.files = files;
        this.names = names;
        this.directories = directories;
    }

    void repairAll() {
        for (long n = InodeNumbers.ROOT; n < pass.highWater; n++) {
            if (pass.states.inUse(n) && pass.states.is(n, CheckStates.REBUILD)) {
                pass.table.load(n, inode);
                if (pass.states.isDirectory(n)) {
                    rebuildDirectory(n);
                } else {
                    rebuildFile(n);
                }
            }
        }
    }

    private void noRoom(long number, long blocks) {
        pass.report.note(
                pass.table.where(number)
                        + ": left as it is, since "
                        + blocks
                        + " free blocks are needed to write it anew");
    }

    private void rebuildFile(long number) {
        RepairTree.Records good = new RepairTree.Records();
        Set<Long> nodes = new HashSet<>();
        new CheckExtents(pass.volume)
                .walk(
                        number,
                        pass.table.offsetOf(number),
                        inode,
                        new CheckTree.Visitor() {
                            @Override
                            public void node(long block, int level, int count) {
                                nodes.add(block);
                            }

                            @Override
                            public void record(long key, long value) {
                                good.add(key, value);
                            }
                        });
        Splitter splitter = new Splitter(number, nodes.size());
        for (int i = 0; i < good.size(); i++) {
            splitter.add(good.key(i), good.value(i));
        }
        RepairTree.Records records = splitter.out;
        long needed = RepairTree.nodesFor(records.size());
        giveUp(nodes);
        if (needed > pass.ownership.freeBlocks()) {
            claimAgain(nodes);
            noRoom(number, needed);
            return;
        }
        RepairTree.build(pass, number, inode, records);
        long blocks = needed + pass.xattrs.countBlocks(number, inode);
        for (int i = 0; i < records.size(); i++) {
            blocks += PackedExtent.length(records.value(i));
        }
        Bytes.putLong(inode, InodeLayout.BLOCK_COUNT, blocks);
        pass.table.put(number, inode);
    }

    /** Takes contested runs out of extents and puts copies in their place. */
    private final class Splitter {
        final RepairTree.Records out = new RepairTree.Records();
        private final long number;
        private final long keptFree;
        private final List<CheckFiles.Contested> contested;
        private int next;

        /**
         * @param keptFree blocks that are not to be used for copies
         */
        Splitter(long number, long keptFree) {
            this.number = number;
            this.keptFree = keptFree;
            this.contested = files.contestedOf(number);
        }

        void add(long key, long value) {
            long at = key;
            long end = key + PackedExtent.length(value);
            while (next < contested.size() && contested.get(next).logicalBlock() < end) {
                CheckFiles.Contested run = contested.get(next++);
                addPart(key, value, at, run.logicalBlock());
                copy(run, PackedExtent.unwritten(value));
                at = run.logicalBlock() + run.lengthBlocks();
            }
            addPart(key, value, at, end);
        }

        private void addPart(long key, long value, long from, long end) {
            if (from < end) {
                append(
                        from,
                        PackedExtent.start(value) + from - key,
                        end - from,
                        PackedExtent.unwritten(value));
            }
        }

        private void append(long key, long block, long lengthBlocks, boolean unwritten) {
            int last = out.size() - 1;
            if (last >= 0) {
                long before = out.value(last);
                if (out.key(last) + PackedExtent.length(before) == key
                        && PackedExtent.end(before) == block
                        && PackedExtent.unwritten(before) == unwritten) {
                    long joined = PackedExtent.length(before) + lengthBlocks;
                    out.replaceLast(PackedExtent.of(PackedExtent.start(before), joined, unwritten));
                    return;
                }
            }
            out.add(key, PackedExtent.of(block, lengthBlocks, unwritten));
        }

        /** An unwritten run becomes a hole, which reads the same. */
        private void copy(CheckFiles.Contested run, boolean unwritten) {
            long copied = 0;
            // a copy may make the tree grow by a few nodes
            while (!unwritten
                    && copied < run.lengthBlocks()
                    && pass.ownership.freeBlocks() > keptFree + 8 + out.size() / 64) {
                long block = pass.ownership.allocateUnused();
                if (block == 0) {
                    break;
                }
                pass.volume.copy(run.block() + copied, block);
                append(run.logicalBlock() + copied, block, 1, false);
                copied++;
            }
            if (!unwritten && copied < run.lengthBlocks()) {
                pass.report.note(
                        pass.table.where(number)
                                + ": no free blocks to copy to: "
                                + (run.lengthBlocks() - copied)
                                + " blocks from logical block "
                                + (run.logicalBlock() + copied)
                                + " made a hole");
            }
        }
    }

    private void giveUp(Set<Long> blocks) {
        for (long block : blocks) {
            if (!pass.contested.contains(block)) {
                pass.ownership.giveUp(block, 1);
            }
        }
    }

    private void claimAgain(Set<Long> blocks) {
        for (long block : blocks) {
            if (!pass.contested.contains(block)) {
                pass.ownership.keep(block, 1);
            }
        }
    }

    private void rebuildDirectory(long number) {
        List<CheckDirectories.Name> entries = new ArrayList<>();
        directories.visitNames(number, entries::add);
        entries.addAll(names.additionsTo(number));
        entries = giveKeys(number, entries);
        List<byte[]> leaves = packLeaves(number, entries);
        Set<Long> old = new HashSet<>();
        new CheckTree(pass.volume)
                .walk(
                        number,
                        pass.table.offsetOf(number),
                        inode,
                        new CheckTree.Visitor() {
                            private final byte[] leaf = new byte[DirectoryLeafLayout.SIZE_BYTES];

                            @Override
                            public void node(long block, int level, int count) {
                                old.add(block);
                            }

                            @Override
                            public void record(long key, long block) {
                                if (CheckLeaf.load(pass.volume, number, block, leaf) == null) {
                                    old.add(block);
                                }
                            }
                        });
        long needed = leaves.size() + RepairTree.nodesFor(leaves.size());
        giveUp(old);
        if (needed > pass.ownership.freeBlocks()) {
            claimAgain(old);
            noRoom(number, needed);
            return;
        }
        old.forEach(pass.volume::forget);
        RepairTree.Records records = new RepairTree.Records();
        for (byte[] leaf : leaves) {
            long key = records.size() == 0 ? 0 : CheckLeaf.key(leaf, DirectoryLeafLayout.ENTRIES);
            records.add(key, RepairTree.putBlock(pass, StructureType.DIRECTORY_LEAF, leaf));
        }
        RepairTree.build(pass, number, inode, records);
        long blocks = needed + pass.xattrs.countBlocks(number, inode);
        Bytes.putLong(inode, InodeLayout.BLOCK_COUNT, blocks);
        Bytes.putLong(inode, InodeLayout.FILE_SIZE, (long) leaves.size() << Geometry.BLOCK_SHIFT);
        pass.table.put(number, inode);
    }

    /** Keeps right and unique keys, so that positions of readdir stay; finds others. */
    private List<CheckDirectories.Name> giveKeys(long number, List<CheckDirectories.Name> entries) {
        Set<Long> used = new HashSet<>();
        List<CheckDirectories.Name> keyed = new ArrayList<>();
        List<CheckDirectories.Name> others = new ArrayList<>();
        for (CheckDirectories.Name entry : entries) {
            boolean right = (entry.key() & -ORDINALS) == firstKey(entry) && used.add(entry.key());
            (right ? keyed : others).add(entry);
        }
        for (CheckDirectories.Name entry : others) {
            long key = firstKey(entry);
            long end = key + ORDINALS;
            while (key < end && !used.add(key)) {
                key++;
            }
            if (key < end) {
                keyed.add(
                        new CheckDirectories.Name(entry.bytes(), entry.inode(), entry.type(), key));
            } else {
                pass.report.note(
                        pass.table.where(number)
                                + ": name '"
                                + CheckText.name(entry.bytes(), 0, entry.bytes().length)
                                + "' of inode "
                                + entry.inode()
                                + " has no room among names of one hash");
            }
        }
        keyed.sort(Comparator.comparingLong(CheckDirectories.Name::key));
        return keyed;
    }

    private long firstKey(CheckDirectories.Name entry) {
        return pass.nameKeys.firstKeyOf(entry.bytes(), 0, entry.bytes().length);
    }

    private static List<byte[]> packLeaves(long number, List<CheckDirectories.Name> entries) {
        List<byte[]> leaves = new ArrayList<>();
        byte[] leaf = null;
        int room = 0;
        for (CheckDirectories.Name entry : entries) {
            int size = DentryLayout.sizeBytes(entry.bytes().length);
            if (size > room) {
                leaf = CheckLeaf.empty(number);
                leaves.add(leaf);
                room = LEAF_ROOM;
            }
            CheckLeaf.append(leaf, entry.key(), entry.inode(), entry.type(), entry.bytes());
            room -= size;
        }
        for (byte[] each : leaves) {
            CheckLeaf.Live.of(each).store(each);
        }
        return leaves;
    }
}
