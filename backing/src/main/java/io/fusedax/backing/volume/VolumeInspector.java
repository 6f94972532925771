package io.fusedax.backing.volume;

import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.Checksums;
import io.fusedax.backing.format.DentryLayout;
import io.fusedax.backing.format.DirectoryLeafLayout;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.GroupLayout;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.JournalHeaderLayout;
import io.fusedax.backing.format.MountStateLayout;
import io.fusedax.backing.format.PackedExtent;
import io.fusedax.backing.format.RecordLayout;
import io.fusedax.backing.format.RecordRootLayout;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.format.Superblock;
import io.fusedax.backing.format.SuperblockLayout;
import io.fusedax.backing.format.VolumeStateLayout;
import io.fusedax.backing.inode.InodeNumbers;
import io.fusedax.backing.journal.Journal;
import io.fusedax.backing.journal.Recovery;
import io.fusedax.backing.region.Region;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import jnr.constants.platform.Errno;

/**
 * Shows what is on media, for people and machines: trees of maps with the names of FORMAT.md in
 * lower case, each structure with its byte offset and the state of its checksum. The region is
 * read-only, so that a journal can be replayed in private memory: what is shown is what a mount
 * would see.
 */
public final class VolumeInspector {
    private final Region region;
    private final Superblock superblock;
    private final Geometry geometry;
    private final CheckState state;
    private final Map<String, Object> journal;

    private VolumeInspector(Region region, Superblock superblock) throws FsException {
        this.region = region;
        this.superblock = superblock;
        this.geometry = superblock.geometry();
        this.journal = inspectJournal();
        this.state = new CheckState(region, geometry, new CheckReport(line -> {}));
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
        map.put("created", time(superblock.createdSeconds(), 0));
        map.put("primary", place(StructureType.SUPERBLOCK, SuperblockLayout.PRIMARY_OFFSET, true));
        map.put("backup", place(StructureType.SUPERBLOCK, geometry.backupSuperblockOffset(), true));
        map.put("volume_state", volumeState());
        map.put("mount_state", mountState());
        return map;
    }

    private Map<String, Object> place(StructureType type, long offset, boolean withOffset) {
        Map<String, Object> map = new LinkedHashMap<>();
        if (withOffset) {
            map.put("offset", offset);
        }
        byte[] bytes = new byte[type.sizeBytes()];
        region.read(offset, bytes, 0, bytes.length);
        String problem = new Checksums(geometry.uuid()).problem(type, offset, bytes);
        map.put("checksum", problem == null ? "ok" : problem);
        return map;
    }

    private Map<String, Object> volumeState() {
        long offset = VolumeStateLayout.OFFSET;
        Map<String, Object> map = place(StructureType.VOLUME_STATE, offset, true);
        byte[] bytes = state.load(StructureType.VOLUME_STATE, offset);
        map.put("free_blocks", Bytes.getLong(bytes, VolumeStateLayout.FREE_BLOCKS));
        map.put("initialized_groups", Bytes.getLong(bytes, VolumeStateLayout.INITIALIZED_GROUPS));
        map.put("inode_high_water", Bytes.getLong(bytes, VolumeStateLayout.INODE_HIGH_WATER));
        map.put("free_inodes", Bytes.getLong(bytes, VolumeStateLayout.FREE_INODES));
        map.put("free_inode_head", Bytes.getLong(bytes, VolumeStateLayout.FREE_INODE_HEAD));
        return map;
    }

    private Map<String, Object> mountState() {
        long offset = MountStateLayout.OFFSET;
        Map<String, Object> map = place(StructureType.MOUNT_STATE, offset, true);
        byte[] bytes = state.load(StructureType.MOUNT_STATE, offset);
        String[] names = {"clean", "mounted", "error"};
        int value = Bytes.getInt(bytes, MountStateLayout.STATE);
        map.put("state", value >= 0 && value < names.length ? names[value] : "unknown");
        map.put("mount_count", Bytes.getInt(bytes, MountStateLayout.MOUNT_COUNT));
        map.put("last_mount", time(Bytes.getLong(bytes, MountStateLayout.LAST_MOUNT_SECONDS), 0));
        map.put("error_count", Bytes.getLong(bytes, MountStateLayout.ERROR_COUNT));
        return map;
    }

    private void loadTable() throws FsException {
        if (!state.tableChunks.isEmpty()) {
            return;
        }
        long offset = InodeNumbers.TABLE_INODE_OFFSET;
        byte[] table = state.load(StructureType.INODE, offset);
        String problem = state.problemOf(StructureType.INODE, offset, table);
        if (problem != null) {
            throw new FsException(
                    Errno.EUCLEAN, "inode table's inode at offset " + offset + ": " + problem);
        }
        CheckTree tree = new CheckTree(state, InodeNumbers.TABLE, offset);
        tree.walk(table);
        state.tableChunks.addAll(tree.records);
    }

    private long inodeOffset(long number) throws FsException {
        loadTable();
        long offset =
                number == InodeNumbers.TABLE
                        ? InodeNumbers.TABLE_INODE_OFFSET
                        : state.inodeOffset(number);
        if (number < InodeNumbers.TABLE || offset < 0) {
            throw new FsException(Errno.ENOENT, "inode " + number + ": the table has none such");
        }
        return offset;
    }

    /** An inode's fields and its tree's root. */
    public Map<String, Object> inode(long number) throws FsException {
        long offset = inodeOffset(number);
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("inode", number);
        map.putAll(place(StructureType.INODE, offset, true));
        byte[] bytes = state.load(StructureType.INODE, offset);
        map.put("generation", Bytes.getU32(bytes, InodeLayout.GENERATION));
        map.put("mode", String.format("0%o", Bytes.getInt(bytes, InodeLayout.MODE)));
        map.put("uid", Bytes.getU32(bytes, InodeLayout.UID));
        map.put("gid", Bytes.getU32(bytes, InodeLayout.GID));
        map.put("link_count", Bytes.getU32(bytes, InodeLayout.LINK_COUNT));
        map.put("flags", String.format("0x%x", Bytes.getInt(bytes, InodeLayout.FLAGS)));
        map.put("file_size", Bytes.getLong(bytes, InodeLayout.FILE_SIZE));
        map.put("block_count", Bytes.getLong(bytes, InodeLayout.BLOCK_COUNT));
        map.put("atime", time(bytes, InodeLayout.ATIME_SECONDS, InodeLayout.ATIME_NANOS));
        map.put("mtime", time(bytes, InodeLayout.MTIME_SECONDS, InodeLayout.MTIME_NANOS));
        map.put("ctime", time(bytes, InodeLayout.CTIME_SECONDS, InodeLayout.CTIME_NANOS));
        map.put("birth", time(bytes, InodeLayout.BIRTH_SECONDS, InodeLayout.BIRTH_NANOS));
        map.put("xattr_block", Bytes.getLong(bytes, InodeLayout.XATTR_BLOCK));
        map.put("parent", Bytes.getLong(bytes, InodeLayout.PARENT));
        map.put("project_id", Bytes.getU32(bytes, InodeLayout.PROJECT_ID));
        int root = InodeLayout.PAYLOAD;
        map.put("tree_level", Bytes.getU16(bytes, root + RecordRootLayout.LEVEL));
        map.put("tree_count", Bytes.getU16(bytes, root + RecordRootLayout.COUNT));
        return map;
    }

    private static String time(byte[] bytes, int seconds, int nanos) {
        return time(Bytes.getLong(bytes, seconds), Bytes.getU32(bytes, nanos));
    }

    /** Damaged media may hold what no Instant can. */
    private static String time(long value, long nanos) {
        boolean shown =
                value > Instant.MIN.getEpochSecond() && value < Instant.MAX.getEpochSecond();
        return shown ? Instant.ofEpochSecond(value, nanos).toString() : value + " s";
    }

    private List<long[]> records(long number) throws FsException {
        long offset = inodeOffset(number);
        byte[] bytes = state.load(StructureType.INODE, offset);
        CheckState own = new CheckState(region, geometry, new CheckReport(line -> {}));
        CheckTree tree = new CheckTree(own, number, offset);
        tree.walk(bytes);
        return tree.records;
    }

    /** The block map of a file. */
    public Map<String, Object> extents(long number) throws FsException {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("inode", number);
        List<Object> list = new ArrayList<>();
        for (long[] record : records(number)) {
            Map<String, Object> extent = new LinkedHashMap<>();
            extent.put("logical_block", record[0]);
            extent.put("physical_block", PackedExtent.start(record[1]));
            extent.put("length_blocks", PackedExtent.length(record[1]));
            extent.put("unwritten", PackedExtent.unwritten(record[1]));
            list.add(extent);
        }
        map.put("extents", list);
        return map;
    }

    /** The leaves of a directory and their entries. */
    public Map<String, Object> directory(long number) throws FsException {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("inode", number);
        List<Object> leaves = new ArrayList<>();
        for (long[] record : records(number)) {
            if (geometry.isDataBlock(record[1])) {
                leaves.add(leaf(record[0], record[1] << Geometry.BLOCK_SHIFT));
            }
        }
        map.put("leaves", leaves);
        return map;
    }

    private Map<String, Object> leaf(long key, long offset) {
        Map<String, Object> map = place(StructureType.DIRECTORY_LEAF, offset, true);
        byte[] bytes = state.load(StructureType.DIRECTORY_LEAF, offset);
        map.put("first_key", key);
        map.put("used_bytes", Bytes.getU16(bytes, DirectoryLeafLayout.USED_BYTES));
        map.put("live_bytes", Bytes.getU16(bytes, DirectoryLeafLayout.LIVE_BYTES));
        map.put("live_count", Bytes.getU16(bytes, DirectoryLeafLayout.LIVE_COUNT));
        List<Object> entries = new ArrayList<>();
        for (int at : entryOffsets(bytes)) {
            Map<String, Object> entry = new LinkedHashMap<>();
            int length = Bytes.getU8(bytes, at + DentryLayout.NAME_LENGTH);
            String name = new String(bytes, at + DentryLayout.NAME, length, StandardCharsets.UTF_8);
            entry.put("name", name);
            entry.put("inode", Bytes.getLong(bytes, at + DentryLayout.INODE));
            entry.put("type", Bytes.getU8(bytes, at + DentryLayout.TYPE));
            entry.put("key", Bytes.getLong(bytes, at + DentryLayout.KEY));
            entries.add(entry);
        }
        map.put("entries", entries);
        return map;
    }

    private static List<Integer> entryOffsets(byte[] leaf) {
        List<Integer> offsets = new ArrayList<>();
        int used = Math.min(leaf.length, Bytes.getU16(leaf, DirectoryLeafLayout.USED_BYTES));
        int at = DirectoryLeafLayout.ENTRIES;
        while (at + DentryLayout.NAME < used) {
            int length = Bytes.getU8(leaf, at + DentryLayout.NAME_LENGTH);
            int next = at + DentryLayout.sizeBytes(length);
            if (length == 0 || next > used) {
                break;
            }
            if (Bytes.getLong(leaf, at + DentryLayout.INODE) != 0) {
                offsets.add(at);
            }
            at = next;
        }
        return offsets;
    }

    /** A block group. */
    public Map<String, Object> group(int number) throws FsException {
        if (number < 0 || number >= geometry.groupCount()) {
            throw new FsException(
                    Errno.ENOENT, "group " + number + ": there are " + geometry.groupCount());
        }
        long offset = geometry.groupOffset(number);
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("group", number);
        map.putAll(place(StructureType.GROUP, offset, true));
        byte[] bytes = state.load(StructureType.GROUP, offset);
        map.put("first_block", (long) number * GroupLayout.BLOCKS_PER_GROUP);
        map.put("blocks", geometry.blocksInGroup(number));
        map.put("free_blocks", Bytes.getInt(bytes, GroupLayout.FREE_BLOCKS));
        return map;
    }

    /** The journal as it is on media, before any replay. */
    public Map<String, Object> journal() {
        return journal;
    }

    private Map<String, Object> inspectJournal() throws FsException {
        Map<String, Object> map = new LinkedHashMap<>();
        long header = geometry.journalBlock() << Geometry.BLOCK_SHIFT;
        List<Object> slots = new ArrayList<>();
        for (int i = 0; i < JournalHeaderLayout.SLOT_COUNT; i++) {
            long offset = header + (long) i * JournalHeaderLayout.SLOT_STRIDE_BYTES;
            Map<String, Object> slot = place(StructureType.JOURNAL_HEADER, offset, true);
            long first = region.getLong(offset + JournalHeaderLayout.FIRST_SEQUENCE);
            slot.put("first_sequence", first);
            slots.add(slot);
        }
        map.put("offset", header);
        map.put("log_offset", header + Geometry.BLOCK_BYTES);
        map.put("length_blocks", geometry.journalLengthBlocks());
        map.put("header_slots", slots);
        List<Object> transactions = new ArrayList<>();
        map.put("transactions", transactions);
        try {
            Journal.inspect(region, geometry, new TransactionLister(transactions));
            Journal.open(region, geometry, 1 << 20, true, new io.fusedax.backing.Counters());
        } catch (FsException e) {
            map.put("problem", e.getMessage());
        }
        return map;
    }

    /** Makes a map of each transaction. */
    private static final class TransactionLister implements Recovery.Visitor {
        private final List<Object> transactions;
        private List<Object> records;

        TransactionLister(List<Object> transactions) {
            this.transactions = transactions;
        }

        @Override
        public void transaction(long sequence, long offset, long lengthBytes, long recordCount) {
            Map<String, Object> map = new LinkedHashMap<>();
            records = new ArrayList<>();
            map.put("sequence", sequence);
            map.put("offset", offset);
            map.put("length_bytes", lengthBytes);
            map.put("record_count", recordCount);
            map.put("records", records);
            transactions.add(map);
        }

        @Override
        public void record(int kind, long address, int lengthBytes, long contentOffset) {
            Map<String, Object> map = new LinkedHashMap<>();
            map.put("kind", kind == RecordLayout.KIND_REVOKE ? "revoke" : "redo");
            map.put("address", address);
            map.put("length_bytes", lengthBytes);
            records.add(map);
        }
    }

    /**
     * Inode number of an absolute path; symbolic links are not followed.
     *
     * @throws FsException ENOENT when a name is not there
     */
    public long resolve(String path) throws FsException {
        long number = InodeNumbers.ROOT;
        for (String name : path.split("/")) {
            if (!name.isEmpty()) {
                number = find(number, name, path);
            }
        }
        return number;
    }

    private long find(long directory, String name, String path) throws FsException {
        byte[] wanted = name.getBytes(StandardCharsets.UTF_8);
        for (long[] record : records(directory)) {
            if (!geometry.isDataBlock(record[1])) {
                continue;
            }
            long offset = record[1] << Geometry.BLOCK_SHIFT;
            byte[] bytes = state.load(StructureType.DIRECTORY_LEAF, offset);
            for (int at : entryOffsets(bytes)) {
                int length = Bytes.getU8(bytes, at + DentryLayout.NAME_LENGTH);
                int start = at + DentryLayout.NAME;
                if (java.util.Arrays.equals(
                        bytes, start, start + length, wanted, 0, wanted.length)) {
                    return Bytes.getLong(bytes, at + DentryLayout.INODE);
                }
            }
        }
        throw new FsException(Errno.ENOENT, path + ": no \"" + name + "\" in inode " + directory);
    }
}
