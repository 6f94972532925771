package io.fusedax.backing.volume;

import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.DentryLayout;
import io.fusedax.backing.format.DirectoryLeafLayout;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.GroupLayout;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.PackedExtent;
import io.fusedax.backing.format.RecordNodeLayout;
import io.fusedax.backing.format.RecordRootLayout;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.format.VolumeStateLayout;
import io.fusedax.backing.format.XattrBlockLayout;
import io.fusedax.backing.format.XattrEntryLayout;
import java.util.function.Consumer;

/** Finds the structures of {@link CheckFixture}'s volume and changes them. */
final class Surgery {
    /** First dentry of a leaf. */
    static final int ENTRY = DirectoryLeafLayout.ENTRIES;

    private Surgery() {}

    static long journal(CheckFixture f) {
        return f.superblock.geometry().journalBlock() << Geometry.BLOCK_SHIFT;
    }

    static void state(CheckFixture f, int field, long value) {
        f.edit(
                StructureType.VOLUME_STATE,
                VolumeStateLayout.OFFSET,
                b -> Bytes.putLong(b, field, value));
    }

    static void group(CheckFixture f, int field, long value) {
        f.edit(StructureType.GROUP, 4096, b -> Bytes.putLong(b, field, value));
    }

    static int firstFree(byte[] group) {
        int bit = 0;
        while ((group[GroupLayout.BITMAP + bit / 8] & 1 << bit % 8) != 0) {
            bit++;
        }
        return bit;
    }

    static void links(CheckFixture f, String name, int count) {
        f.editInode(name, b -> Bytes.putInt(b, InodeLayout.LINK_COUNT, count));
    }

    static int firstRecord() {
        return InodeLayout.PAYLOAD + RecordRootLayout.RECORDS;
    }

    static long firstExtent(CheckFixture f, String name) {
        return f.getLong(f.offsetOfInode(name) + firstRecord() + 8);
    }

    static void extent(CheckFixture f, String name, long packed) {
        f.editInode(name, b -> Bytes.putLong(b, firstRecord() + 8, packed));
    }

    /** Offset of a node below the root. */
    static long node(CheckFixture f, String name, int index) {
        return f.getLong(f.offsetOfInode(name) + firstRecord() + index * 16L + 8) << 12;
    }

    static long leafRecords(CheckFixture f, String name) {
        long inode = name.equals("/") ? f.offsetOfInode(2) : f.offsetOfInode(name);
        boolean inline = Bytes.getU16(f.image, (int) inode + InodeLayout.PAYLOAD) == 0;
        return inline
                ? inode + firstRecord()
                : (f.getLong(inode + firstRecord() + 8) << 12) + RecordNodeLayout.RECORDS;
    }

    /** Offset of a directory's first leaf. */
    static long leaf(CheckFixture f, String name) {
        return f.getLong(leafRecords(f, name) + 8) << 12;
    }

    static void leafShort(CheckFixture f, String name, int field, int value) {
        f.edit(StructureType.DIRECTORY_LEAF, leaf(f, name), b -> Bytes.putShort(b, field, value));
    }

    static void dentry(CheckFixture f, Consumer<byte[]> change) {
        f.edit(StructureType.DIRECTORY_LEAF, leaf(f, "sub"), change);
    }

    static void replaceTarget(CheckFixture f, String name, long from, long to) {
        f.edit(
                StructureType.DIRECTORY_LEAF,
                leaf(f, name),
                b -> {
                    int used = Bytes.getU16(b, DirectoryLeafLayout.USED_BYTES);
                    int at = ENTRY;
                    while (at < used) {
                        if (Bytes.getLong(b, at + DentryLayout.INODE) == from) {
                            Bytes.putLong(b, at + DentryLayout.INODE, to);
                        }
                        int length = Bytes.getU8(b, at + DentryLayout.NAME_LENGTH);
                        at += DentryLayout.sizeBytes(length);
                    }
                });
    }

    static long xattr(CheckFixture f) {
        return f.getLong(f.offsetOfInode("file1") + InodeLayout.XATTR_BLOCK) << 12;
    }

    static long xattrValue(CheckFixture f) {
        byte[] block = f.structure(StructureType.XATTR_BLOCK, xattr(f));
        int at = XattrBlockLayout.ENTRIES;
        while (Bytes.getU8(block, at + XattrEntryLayout.EXTENT_COUNT) == 0) {
            at = xattrBody(block, at) + (Bytes.getInt(block, at) + 7 & ~7);
        }
        return (PackedExtent.start(Bytes.getLong(block, xattrBody(block, at))) << 12) + 5;
    }

    private static int xattrBody(byte[] block, int at) {
        int nameLength = Bytes.getU8(block, at + XattrEntryLayout.NAME_LENGTH);
        return at + XattrEntryLayout.headBytes(nameLength);
    }
}
