package io.fusedax.backing.volume;

import static io.fusedax.backing.volume.Surgery.ENTRY;
import static io.fusedax.backing.volume.Surgery.dentry;
import static io.fusedax.backing.volume.Surgery.extent;
import static io.fusedax.backing.volume.Surgery.firstExtent;
import static io.fusedax.backing.volume.Surgery.firstFree;
import static io.fusedax.backing.volume.Surgery.group;
import static io.fusedax.backing.volume.Surgery.journal;
import static io.fusedax.backing.volume.Surgery.leaf;
import static io.fusedax.backing.volume.Surgery.leafRecords;
import static io.fusedax.backing.volume.Surgery.leafShort;
import static io.fusedax.backing.volume.Surgery.links;
import static io.fusedax.backing.volume.Surgery.node;
import static io.fusedax.backing.volume.Surgery.replaceTarget;
import static io.fusedax.backing.volume.Surgery.state;
import static io.fusedax.backing.volume.Surgery.xattr;
import static io.fusedax.backing.volume.Surgery.xattrValue;

import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.DentryLayout;
import io.fusedax.backing.format.DirectoryLeafLayout;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.GroupLayout;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.JournalHeaderLayout;
import io.fusedax.backing.format.MountStateLayout;
import io.fusedax.backing.format.PackedExtent;
import io.fusedax.backing.format.RecordNodeLayout;
import io.fusedax.backing.format.RecordRootLayout;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.format.VolumeStateLayout;
import io.fusedax.backing.format.XattrBlockLayout;
import io.fusedax.backing.format.XattrEntryLayout;
import io.fusedax.backing.inode.InodeNumbers;

/**
 * Ways to break the volume of {@link CheckFixture}: flipped bits, and lies under right checksums.
 */
enum CheckDamage {
    PRIMARY_SUPERBLOCK("superblock at offset 0", f -> f.flip(60)),
    PRIMARY_SUPERBLOCK_MAGIC("superblock at offset 0", f -> f.flip(1)),
    BACKUP_SUPERBLOCK("(backup)", f -> f.flip(CheckFixture.REGION_BYTES - 4096 + 60)),
    MOUNT_STATE("mount state at offset 3072", f -> f.flip(3080)),
    MOUNT_STATE_VALUE(
            "mount state at offset 3072: state 7",
            f ->
                    f.edit(
                            StructureType.MOUNT_STATE,
                            MountStateLayout.OFFSET,
                            b -> Bytes.putInt(b, MountStateLayout.STATE, 7))),
    JOURNAL_SLOT_0("journal header", f -> f.flip(journal(f) + 9)),
    JOURNAL_SLOT_1(
            "journal header", f -> f.flip(journal(f) + JournalHeaderLayout.SLOT_STRIDE_BYTES + 5)),
    JOURNAL_BOTH_SLOTS(
            "journal header",
            f -> {
                f.flip(journal(f) + 9);
                f.flip(journal(f) + JournalHeaderLayout.SLOT_STRIDE_BYTES + 5);
            }),
    VOLUME_STATE("volume state at offset 2048: checksum", f -> f.flip(2060)),
    FREE_BLOCKS(
            "volume state at offset 2048: free_blocks",
            f -> state(f, VolumeStateLayout.FREE_BLOCKS, 3)),
    INITIALIZED_GROUPS(
            "volume state at offset 2048: initialized_groups",
            f -> state(f, VolumeStateLayout.INITIALIZED_GROUPS, 1L << 40)),
    NO_INITIALIZED_GROUPS(
            "volume state at offset 2048: initialized_groups",
            f -> state(f, VolumeStateLayout.INITIALIZED_GROUPS, 0)),
    LOW_HIGH_WATER(
            "volume state at offset 2048: inode_high_water 9",
            f -> state(f, VolumeStateLayout.INODE_HIGH_WATER, 9)),
    HIGH_HIGH_WATER(
            "volume state at offset 2048: inode_high_water",
            f -> state(f, VolumeStateLayout.INODE_HIGH_WATER, Long.MAX_VALUE)),
    SLIGHTLY_HIGH_HIGH_WATER(
            "volume state at offset 2048: inode_high_water",
            f ->
                    state(
                            f,
                            VolumeStateLayout.INODE_HIGH_WATER,
                            f.getLong(VolumeStateLayout.OFFSET + VolumeStateLayout.INODE_HIGH_WATER)
                                    + 3)),
    FREE_INODES(
            "volume state at offset 2048: free_inodes",
            f -> state(f, VolumeStateLayout.FREE_INODES, 1)),
    FREE_CHAIN_INTO_FILE(
            "chain of free inodes goes on with inode",
            f -> state(f, VolumeStateLayout.FREE_INODE_HEAD, f.inodes.get("file3"))),
    FREE_CHAIN_OUTSIDE(
            "chain of free inodes goes on with inode -5",
            f -> state(f, VolumeStateLayout.FREE_INODE_HEAD, -5)),
    FREE_CHAIN_LOOP(
            "in the chain already",
            f -> {
                long head = f.getLong(VolumeStateLayout.OFFSET + VolumeStateLayout.FREE_INODE_HEAD);
                long next = f.getLong(f.offsetOfInode(head) + InodeLayout.PARENT);
                f.edit(
                        StructureType.INODE,
                        f.offsetOfInode(next),
                        b -> Bytes.putLong(b, InodeLayout.PARENT, head));
            }),
    FREE_CHAIN_CUT(
            "not in the chain of free inodes", f -> state(f, VolumeStateLayout.FREE_INODE_HEAD, 0)),
    GROUP_CHECKSUM("block group 0 at offset 4096: checksum", f -> f.flip(4096 + 500)),
    GROUP_NUMBER("block group 0 at offset 4096: is group 5", f -> group(f, GroupLayout.GROUP, 5)),
    GROUP_FREE_COUNT(
            "block group 0 at offset 4096: free_blocks",
            f ->
                    f.edit(
                            StructureType.GROUP,
                            4096,
                            b -> Bytes.putInt(b, GroupLayout.FREE_BLOCKS, 7))),
    GROUP_RESERVED_BITS(
            "blocks free that belong to fixed structures",
            f -> f.edit(StructureType.GROUP, 4096, b -> b[GroupLayout.BITMAP] = 0)),
    GROUP_LEAK(
            "blocks in use that nobody owns",
            f ->
                    f.edit(
                            StructureType.GROUP,
                            4096,
                            b -> {
                                int bit = firstFree(b);
                                b[GroupLayout.BITMAP + bit / 8] |= (byte) (1 << bit % 8);
                                b[GroupLayout.FREE_BLOCKS]--;
                            })),
    GROUP_MISSING_BIT(
            "blocks free that are owned",
            f ->
                    f.edit(
                            StructureType.GROUP,
                            4096,
                            b -> {
                                long block = PackedExtent.start(firstExtent(f, "file2"));
                                b[GroupLayout.BITMAP + (int) block / 8] &= (byte) ~(1 << block % 8);
                            })),
    TABLE_FIELDS(
            "(inode table)",
            f ->
                    f.edit(
                            StructureType.INODE,
                            InodeNumbers.TABLE_INODE_OFFSET,
                            b -> Bytes.putLong(b, InodeLayout.BLOCK_COUNT, 1))),
    TABLE_INODE("(inode table): checksum", f -> f.flip(InodeNumbers.TABLE_INODE_OFFSET + 40)),
    TABLE_CHUNKS(
            "(inode table): extent at logical block",
            f ->
                    f.edit(
                            StructureType.INODE,
                            InodeNumbers.TABLE_INODE_OFFSET,
                            b ->
                                    Bytes.putLong(
                                            b, InodeLayout.PAYLOAD + RecordRootLayout.RECORDS, 8))),
    TABLE_CHUNK_ELSEWHERE(
            "(inode table): ", // to no inodes, or to blocks that are owned: by the seed
            f ->
                    f.edit(
                            StructureType.INODE,
                            InodeNumbers.TABLE_INODE_OFFSET,
                            b -> {
                                int at = InodeLayout.PAYLOAD + RecordRootLayout.RECORDS + 8;
                                Bytes.putLong(b, at, Bytes.getLong(b, at) + 900);
                            })),
    TABLE_COPY(
            "(copy of the inode table's): checksum",
            f -> f.flip(CheckFixture.REGION_BYTES - 4096 + InodeNumbers.TABLE_INODE_BACKUP + 50)),
    FIRST_BLOCK_LOST("superblock at offset 0: magic", f -> f.region.zero(0, Geometry.BLOCK_BYTES)),
    INODE_CHECKSUM("inode", f -> f.flip(f.offsetOfInode("file4") + 30), "file4"),
    INODE_NUMBER(
            "is inode 3, expected",
            f -> f.editInode("file4", b -> Bytes.putLong(b, InodeLayout.INODE, 3)),
            "file4"),
    INODE_MODE(
            "is of no file type",
            f -> f.editInode("file4", b -> Bytes.putInt(b, InodeLayout.MODE, 0170644)),
            "file4"),
    INODE_FREED(
            "is not in use, but free",
            f -> f.editInode("file4", b -> Bytes.putInt(b, InodeLayout.MODE, 0)),
            "file4"),
    INODE_TYPE(
            "type 8, expected 1",
            f ->
                    f.editInode(
                            "file0",
                            b -> {
                                Bytes.putInt(b, InodeLayout.MODE, 0010644);
                                Bytes.putLong(b, InodeLayout.FILE_SIZE, 0);
                                Bytes.putLong(b, InodeLayout.BLOCK_COUNT, 0);
                            }),
            "file0",
            "hard"),
    INODE_FLAGS(
            "flags 0x",
            f -> f.editInode("file4", b -> Bytes.putInt(b, InodeLayout.FLAGS, 0x40000000))),
    INODE_TIME(
            "nanoseconds",
            f -> f.editInode("file4", b -> Bytes.putInt(b, InodeLayout.MTIME_NANOS, -1))),
    INODE_SIZE(
            "file_size -1",
            f -> f.editInode("file4", b -> Bytes.putLong(b, InodeLayout.FILE_SIZE, -1)),
            "file4"),
    DIRECTORY_SIZE(
            "file_size 17",
            f -> f.editInode("dir", b -> Bytes.putLong(b, InodeLayout.FILE_SIZE, 17))),
    INODE_BLOCK_COUNT(
            "block_count 77",
            f -> f.editInode("file4", b -> Bytes.putLong(b, InodeLayout.BLOCK_COUNT, 77))),
    LINK_COUNT_LOW("link_count 1, expected 2", f -> links(f, "file0", 1)),
    LINK_COUNT_HIGH("link_count 9, expected 1", f -> links(f, "file5", 9)),
    LINK_COUNT_ZERO("link_count 0, expected 1", f -> links(f, "file5", 0)),
    DIRECTORY_LINK_COUNT("link_count 9, expected 3", f -> links(f, "dir", 9)),
    PARENT(
            "parent 3, expected",
            f -> f.editInode("sub", b -> Bytes.putLong(b, InodeLayout.PARENT, 3))),
    SYMLINK_SIZE(
            "file_size 5000, expected 30",
            f -> f.editInode("short", b -> Bytes.putLong(b, InodeLayout.FILE_SIZE, 5000))),
    SYMLINK_SHORTER(
            "file_size 20, expected 30",
            f -> f.editInode("short", b -> Bytes.putLong(b, InodeLayout.FILE_SIZE, 20))),
    SYMLINK_LONGER(
            "file_size 40, expected 30",
            f -> f.editInode("short", b -> Bytes.putLong(b, InodeLayout.FILE_SIZE, 40))),
    SYMLINK_SAID_TO_BE_LONG(
            "file_size 200, expected 30",
            f -> f.editInode("short", b -> Bytes.putLong(b, InodeLayout.FILE_SIZE, 200))),
    SYMLINK_SAID_TO_BE_SHORT(
            "file_size 20, expected 1000",
            f -> f.editInode("long", b -> Bytes.putLong(b, InodeLayout.FILE_SIZE, 20))),
    LONG_SYMLINK_SIZE(
            "file_size 4000, expected 1000",
            f -> f.editInode("long", b -> Bytes.putLong(b, InodeLayout.FILE_SIZE, 4000))),
    LONG_SYMLINK_CONTESTED(
            "which is not its own", f -> extent(f, "file2", firstExtent(f, "long")), "file2"),
    SYMLINK_TARGET(
            "symbolic link without target",
            f ->
                    f.editInode(
                            "long",
                            b ->
                                    Bytes.putShort(
                                            b, InodeLayout.PAYLOAD + RecordRootLayout.COUNT, 0)),
            "long"),
    ROOT_INODE("inode 2 at offset", f -> f.flip(f.offsetOfInode(2) + 70), ""),
    ORPHANS_INODE("inode 3 at offset", f -> f.flip(f.offsetOfInode(3) + 70)),
    TREE_ROOT(
            "tree root of level 9",
            f ->
                    f.editInode(
                            "fragmented",
                            b ->
                                    Bytes.putShort(
                                            b, InodeLayout.PAYLOAD + RecordRootLayout.LEVEL, 9)),
            "fragmented"),
    TREE_NODE_CHECKSUM(
            "record tree node at offset",
            f -> f.flip(node(f, "fragmented", 0) + 999),
            "fragmented"),
    TREE_NODE_OWNER(
            "owner is inode 4",
            f ->
                    f.edit(
                            StructureType.RECORD_NODE,
                            node(f, "fragmented", 0),
                            b -> Bytes.putLong(b, RecordNodeLayout.OWNER_INODE, 4)),
            "fragmented"),
    TREE_NODE_LEVEL(
            "level 3 with records",
            f ->
                    f.edit(
                            StructureType.RECORD_NODE,
                            node(f, "fragmented", 0),
                            b -> Bytes.putShort(b, RecordNodeLayout.LEVEL, 3)),
            "fragmented"),
    TREE_NODE_KEYS(
            "record 3 of level 0 has key",
            f ->
                    f.edit(
                            StructureType.RECORD_NODE,
                            node(f, "fragmented", 0),
                            b -> Bytes.putLong(b, RecordNodeLayout.RECORDS + 3 * 16, 1)),
            "fragmented"),
    TREE_LOOP(
            "is a child twice",
            f ->
                    f.editInode(
                            "fragmented",
                            b -> {
                                int second = InodeLayout.PAYLOAD + RecordRootLayout.RECORDS + 16;
                                Bytes.putLong(b, second + 8, Bytes.getLong(b, second - 8));
                            }),
            "fragmented"),
    EXTENT_OUTSIDE(
            "outside the data area",
            f -> extent(f, "file6", PackedExtent.of(0xFFFF_FFF0L, 30)),
            "file6"),
    EXTENT_IN_JOURNAL(
            "outside the data area", f -> extent(f, "file6", PackedExtent.of(5, 1)), "file6"),
    EXTENT_EMPTY("outside the data area", f -> extent(f, "file6", 4000), "file6"),
    EXTENT_OF_ANOTHER_FILE(
            "which is not its own", f -> extent(f, "file6", firstExtent(f, "file2")), "file6"),
    EXTENT_OF_A_DIRECTORY(
            "which is not its own",
            f -> extent(f, "file2", PackedExtent.of(leaf(f, "wide") >> 12, 1)),
            "file2"),
    EXTENT_OF_THE_INODE_TABLE(
            "which is not its own",
            f -> extent(f, "file2", PackedExtent.of(f.offsetOfInode(2) >> 12, 1)),
            "file2"),
    XATTR_BLOCK("xattr block at offset", f -> f.flip(xattr(f) + 70), "file1"),
    XATTR_COUNT(
            "count 9, expected 2",
            f ->
                    f.edit(
                            StructureType.XATTR_BLOCK,
                            xattr(f),
                            b -> Bytes.putShort(b, XattrBlockLayout.COUNT, 9))),
    XATTR_CHAIN_LOOP(
            "block is not its own, named by xattr block",
            f ->
                    f.edit(
                            StructureType.XATTR_BLOCK,
                            xattr(f),
                            b -> Bytes.putLong(b, XattrBlockLayout.NEXT, xattr(f) >> 12))),
    XATTR_CHAIN_OUTSIDE(
            "outside the data area, named by xattr block",
            f ->
                    f.edit(
                            StructureType.XATTR_BLOCK,
                            xattr(f),
                            b -> Bytes.putLong(b, XattrBlockLayout.NEXT, -1))),
    XATTR_ENTRY(
            "is malformed",
            f ->
                    f.edit(
                            StructureType.XATTR_BLOCK,
                            xattr(f),
                            b ->
                                    Bytes.putInt(
                                            b,
                                            XattrBlockLayout.ENTRIES
                                                    + XattrEntryLayout.VALUE_LENGTH,
                                            -1)),
            "file1"),
    XATTR_VALUE("value checksum", f -> f.flip(xattrValue(f)), "file1"),
    LEAF_CHECKSUM("directory leaf at offset", f -> f.flip(leaf(f, "sub") + 100), "dir/sub/"),
    LEAF_USED(
            "used_bytes 7",
            f -> leafShort(f, "sub", DirectoryLeafLayout.USED_BYTES, 7),
            "dir/sub/"),
    LEAF_LIVE_COUNT("live_count 3", f -> leafShort(f, "sub", DirectoryLeafLayout.LIVE_COUNT, 3)),
    LEAF_OWNER(
            "owner is inode 2",
            f ->
                    f.edit(
                            StructureType.DIRECTORY_LEAF,
                            leaf(f, "sub"),
                            b -> Bytes.putLong(b, DirectoryLeafLayout.OWNER_INODE, 2)),
            "dir/sub/"),
    DENTRY_LENGTH(
            "is malformed",
            f -> dentry(f, b -> b[ENTRY + DentryLayout.NAME_LENGTH] = 0),
            "dir/sub/"),
    DENTRY_SLASH(
            "slash or NUL", f -> dentry(f, b -> b[ENTRY + DentryLayout.NAME] = '/'), "dir/sub/"),
    DENTRY_KEY("key 99, expected", f -> dentry(f, b -> Bytes.putLong(b, ENTRY, 99))),
    DENTRY_TYPE("type 1, expected", f -> dentry(f, b -> b[ENTRY + DentryLayout.TYPE] = 1)),
    DENTRY_TO_NOWHERE(
            "inode 1000000, expected",
            f -> dentry(f, b -> Bytes.putLong(b, ENTRY + 8, 1_000_000)),
            "dir/sub/"),
    DENTRY_TO_ROOT(
            "inode 2, expected", f -> dentry(f, b -> Bytes.putLong(b, ENTRY + 8, 2)), "dir/sub/"),
    DENTRY_TO_FREE(
            "is not in use, but free",
            f -> {
                long free = f.getLong(VolumeStateLayout.OFFSET + VolumeStateLayout.FREE_INODE_HEAD);
                dentry(f, b -> Bytes.putLong(b, ENTRY + 8, free));
            },
            "dir/sub/"),
    DIRECTORY_CYCLE(
            "directory is its own ancestor",
            f -> {
                // "subsub" in "sub" becomes "dir", and "dir" in the root points to a file
                long dir = f.inodes.get("dir");
                replaceTarget(f, "sub", f.inodes.get("subsub"), dir);
                replaceTarget(f, "/", dir, f.inodes.get("file0"));
            },
            "dir/",
            "nodes/hard"),
    DIRECTORY_TWICE(
            "has another name",
            f -> replaceTarget(f, "sub", f.inodes.get("subsub"), f.inodes.get("wide")),
            "dir/sub/"),
    LEAF_OF_WIDE("directory leaf at offset", f -> f.flip(leaf(f, "wide") + 2000), "wide/"),
    LEAF_KEY(
            "outside the leaf's",
            f -> {
                // the boundary between the first two leaves moves beyond the second one's keys
                long node = leafRecords(f, "wide");
                boolean inInode = node == f.offsetOfInode("wide") + InodeLayout.PAYLOAD + 16;
                StructureType type = inInode ? StructureType.INODE : StructureType.RECORD_NODE;
                int at = inInode ? InodeLayout.PAYLOAD + 16 : RecordNodeLayout.RECORDS;
                f.edit(
                        type,
                        node - at,
                        b -> Bytes.putLong(b, at + 16, Bytes.getLong(b, at + 32) - 1));
            });

    final String message;
    final Action action;

    /** Paths that start so, or end so, may differ after the repair. */
    final String[] affected;

    interface Action {
        void apply(CheckFixture fixture) throws FsException;
    }

    CheckDamage(String message, Action action, String... affected) {
        this.message = message;
        this.action = action;
        this.affected = affected;
    }
}
