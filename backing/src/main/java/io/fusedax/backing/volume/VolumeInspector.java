package io.fusedax.backing.volume;

import io.fusedax.backing.Counters;
import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.DirectoryLeafLayout;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.GroupLayout;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.PackedExtent;
import io.fusedax.backing.format.RecordNodeLayout;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.format.Superblock;
import io.fusedax.backing.format.SuperblockLayout;
import io.fusedax.backing.inode.Inode;
import io.fusedax.backing.inode.InodeNumbers;
import io.fusedax.backing.journal.Journal;
import io.fusedax.backing.region.Region;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import jnr.constants.platform.Errno;

/**
 * Shows what is on media, for people and machines: trees of maps with the names of FORMAT.md in
 * lower case, each structure with its byte offset and the state of its checksum. What a mount would
 * see is shown, the journal's transactions replayed in memory; what is damaged is shown as far as
 * it goes. The region is only read.
 */
public final class VolumeInspector {
    private final Region region;
    private final Superblock superblock;
    private final Geometry geometry;
    private final CheckedVolume volume;
    private final InspectStructures structures;
    private CheckInodeTable table;

    private VolumeInspector(Region region, Superblock superblock) {
        this.region = region;
        this.superblock = superblock;
        this.geometry = superblock.geometry();
        CheckOverlayRegion view = new CheckOverlayRegion(region);
        try {
            new CheckJournal(view, geometry).mend(CheckReport.silent(), false);
            Journal.open(view, geometry, 1 << 20, true, new Counters());
        } catch (FsException e) {
            view.close(); // as it is without a replay; journal() shows the problem
        }
        this.volume = new CheckedVolume(view, geometry);
        this.structures = new InspectStructures(volume);
    }

    /**
     * Opens a volume for a look.
     *
     * @throws FsException EINVAL when there is no volume; EUCLEAN when neither superblock is valid
     */
    public static VolumeInspector open(Region region) throws FsException {
        Superblock superblock;
        try {
            superblock = Superblock.readAt(region, SuperblockLayout.PRIMARY_OFFSET);
        } catch (FsException primary) {
            try {
                superblock = Superblock.readAt(region, region.sizeBytes() - Geometry.BLOCK_BYTES);
            } catch (FsException backup) {
                throw new FsException(
                        primary.errno(), region.description() + ": " + primary.getMessage());
            }
        }
        return new VolumeInspector(region, superblock);
    }

    /** Identity, geometry, counters, both copies. */
    public Map<String, Object> superblock() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("uuid", geometry.uuid().toString());
        map.put("label", superblock.label());
        map.put("feature_compat", superblock.featureCompat());
        map.put("feature_incompat", superblock.featureIncompat());
        map.put("feature_ro_compat", superblock.featureRoCompat());
        map.put("block_size_bytes", Geometry.BLOCK_BYTES);
        map.put("total_blocks", geometry.totalBlocks());
        map.put("group_table_block", geometry.groupTableBlock());
        map.put("group_count", geometry.groupCount());
        map.put("journal_block", geometry.journalBlock());
        map.put("journal_length_blocks", geometry.journalLengthBlocks());
        map.put("first_data_block", geometry.firstDataBlock());
        map.put("created", InspectStructures.time(superblock.createdSeconds(), 0));
        map.put("primary", superblockCopy(SuperblockLayout.PRIMARY_OFFSET));
        map.put("backup", superblockCopy(geometry.backupSuperblockOffset()));
        map.put("volume_state", structures.volumeState());
        map.put("mount_state", structures.mountState());
        return map;
    }

    private Map<String, Object> superblockCopy(long offset) {
        byte[] bytes = new byte[SuperblockLayout.SIZE_BYTES];
        return structures.place(StructureType.SUPERBLOCK, offset, bytes);
    }

    private CheckInodeTable table() throws FsException {
        if (table == null) {
            table =
                    CheckInodeTable.read(
                            volume, new CheckOwnership(geometry), CheckReport.silent());
            volume.changes().clear(); // shown as it is, not as it would be repaired
        }
        return table;
    }

    private long offsetOf(long number) throws FsException {
        if (number < InodeNumbers.TABLE || number >= table().capacity()) {
            throw new FsException(Errno.ENOENT, "inode " + number + ": the table has none such");
        }
        return table().offsetOf(number);
    }

    /** An inode's fields, its tree's root or what else it holds, its attributes. */
    public Map<String, Object> inode(long number) throws FsException {
        return structures.inode(number, offsetOf(number), new byte[InodeLayout.SIZE_BYTES]);
    }

    private byte[] inodeBytes(long number) throws FsException {
        byte[] bytes = new byte[InodeLayout.SIZE_BYTES];
        volume.load(StructureType.INODE, offsetOf(number), bytes);
        return bytes;
    }

    private Map<String, Object> ofInode(long number) throws FsException {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("inode", number);
        byte[] bytes = new byte[InodeLayout.SIZE_BYTES];
        map.putAll(structures.place(StructureType.INODE, offsetOf(number), bytes));
        return map;
    }

    /** Collects what a walk meets. */
    private abstract static class Collector implements CheckTree.Visitor {
        final List<Object> nodes = new ArrayList<>();
        final List<Object> problems = new ArrayList<>();

        @Override
        public void node(long block, int level, int count) {
            Map<String, Object> node = new LinkedHashMap<>();
            node.put("offset", block << Geometry.BLOCK_SHIFT);
            node.put("checksum", "ok");
            node.put("level", level);
            node.put("count", count);
            nodes.add(node);
        }

        @Override
        public void problem(String text) {
            problems.add(text);
        }

        void putAround(Map<String, Object> map, String name, List<Object> list) {
            if (!nodes.isEmpty()) {
                map.put("nodes", nodes);
            }
            if (!problems.isEmpty()) {
                map.put("problems", problems);
            }
            map.put(name, list);
        }
    }

    /** The block map of a file. */
    public Map<String, Object> extents(long number) throws FsException {
        Map<String, Object> map = ofInode(number);
        List<Object> extents = new ArrayList<>();
        byte[] inode = inodeBytes(number);
        Collector collector =
                new Collector() {
                    @Override
                    public void record(long key, long value) {
                        Map<String, Object> extent = new LinkedHashMap<>();
                        extent.put("logical_block", key);
                        extent.put("physical_block", PackedExtent.start(value));
                        extent.put("length_blocks", PackedExtent.length(value));
                        extent.put("unwritten", PackedExtent.unwritten(value));
                        extent.put("offset", PackedExtent.start(value) << Geometry.BLOCK_SHIFT);
                        extents.add(extent);
                    }
                };
        if (CheckExtents.hasExtents(inode)) {
            new CheckExtents(volume).walk(number, offsetOf(number), inode, collector);
        }
        collector.putAround(map, "extents", extents);
        return map;
    }

    /** The leaves of a directory and their entries. */
    public Map<String, Object> directory(long number) throws FsException {
        Map<String, Object> map = ofInode(number);
        List<Object> leaves = new ArrayList<>();
        Collector collector =
                new Collector() {
                    @Override
                    public void record(long key, long value) {
                        leaves.add(leaf(number, key, value));
                    }
                };
        new CheckTree(volume).walk(number, offsetOf(number), directoryBytes(number), collector);
        collector.putAround(map, "leaves", leaves);
        return map;
    }

    private byte[] directoryBytes(long number) throws FsException {
        byte[] bytes = inodeBytes(number);
        if ((Bytes.getInt(bytes, InodeLayout.MODE) & Inode.S_IFMT) != Inode.S_IFDIR) {
            throw new FsException(Errno.ENOTDIR, "inode " + number + ": not a directory");
        }
        return bytes;
    }

    private Map<String, Object> leaf(long directory, long key, long block) {
        Map<String, Object> map = new LinkedHashMap<>();
        byte[] bytes = new byte[DirectoryLeafLayout.SIZE_BYTES];
        String problem = CheckLeaf.load(volume, directory, block, bytes);
        map.put("offset", block << Geometry.BLOCK_SHIFT);
        map.put("checksum", problem == null ? "ok" : problem);
        map.put("first_key", key);
        map.put("owner_inode", Bytes.getLong(bytes, RecordNodeLayout.OWNER_INODE));
        map.put("used_bytes", CheckLeaf.used(bytes));
        map.put("live_bytes", CheckLeaf.Live.stored(bytes).bytes());
        map.put("live_count", CheckLeaf.Live.stored(bytes).count());
        List<Object> entries = new ArrayList<>();
        for (int at : CheckLeaf.liveEntries(bytes)) {
            Map<String, Object> entry = new LinkedHashMap<>();
            entry.put("name", CheckLeaf.name(bytes, at));
            entry.put("inode", CheckLeaf.inode(bytes, at));
            entry.put("type", CheckLeaf.type(bytes, at));
            entry.put("key", CheckLeaf.key(bytes, at));
            entries.add(entry);
        }
        map.put("entries", entries);
        return map;
    }

    /** A block group, with what its bitmap says. */
    public Map<String, Object> group(int number) throws FsException {
        if (number < 0 || number >= geometry.groupCount()) {
            throw new FsException(
                    Errno.ENOENT, "group " + number + ": there are " + geometry.groupCount());
        }
        byte[] bytes = new byte[GroupLayout.SIZE_BYTES];
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("group", number);
        map.putAll(structures.place(StructureType.GROUP, geometry.groupOffset(number), bytes));
        long firstBlock = (long) number * GroupLayout.BLOCKS_PER_GROUP;
        map.put("first_block", firstBlock);
        map.put("blocks", geometry.blocksInGroup(number));
        map.put("free_blocks", Bytes.getU32(bytes, GroupLayout.FREE_BLOCKS));
        List<Object> runs = new ArrayList<>();
        int bit = 0;
        while (bit < GroupLayout.BLOCKS_PER_GROUP) {
            int start = bit;
            while (bit < GroupLayout.BLOCKS_PER_GROUP && !isUsed(bytes, bit)) {
                bit++;
            }
            if (bit > start) {
                Map<String, Object> run = new LinkedHashMap<>();
                run.put("start_block", firstBlock + start);
                run.put("length_blocks", bit - start);
                runs.add(run);
            }
            bit++;
        }
        map.put("free_runs", runs);
        return map;
    }

    private static boolean isUsed(byte[] group, int bit) {
        return (group[GroupLayout.BITMAP + bit / 8] >> bit % 8 & 1) != 0;
    }

    /** The journal as it is on media, before any replay. */
    public Map<String, Object> journal() {
        return InspectJournal.show(region, geometry);
    }

    /**
     * Inode number of an absolute path; symbolic links are not followed.
     *
     * @throws FsException ENOENT when a name is not there, ENOTDIR
     */
    public long resolve(String path) throws FsException {
        long number = InodeNumbers.ROOT;
        for (String name : path.split("/")) {
            if (!name.isEmpty()) {
                number = find(number, name.getBytes(StandardCharsets.UTF_8), path);
            }
        }
        return number;
    }

    private long find(long directory, byte[] wanted, String path) throws FsException {
        long[] found = new long[1];
        byte[] leaf = new byte[DirectoryLeafLayout.SIZE_BYTES];
        new CheckTree(volume)
                .walk(
                        directory,
                        offsetOf(directory),
                        directoryBytes(directory),
                        (key, block) -> {
                            if (found[0] == 0
                                    && CheckLeaf.load(volume, directory, block, leaf) == null) {
                                found[0] = findIn(leaf, wanted);
                            }
                        });
        if (found[0] == 0) {
            String name = CheckText.name(wanted, 0, wanted.length);
            throw new FsException(
                    Errno.ENOENT, path + ": no \"" + name + "\" in inode " + directory);
        }
        return found[0];
    }

    private static long findIn(byte[] leaf, byte[] wanted) {
        for (int at : CheckLeaf.liveEntries(leaf)) {
            if (Arrays.equals(CheckLeaf.nameBytes(leaf, at), wanted)) {
                return CheckLeaf.inode(leaf, at);
            }
        }
        return 0;
    }
}
