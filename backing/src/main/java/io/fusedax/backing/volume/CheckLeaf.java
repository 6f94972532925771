package io.fusedax.backing.volume;

import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.DentryLayout;
import io.fusedax.backing.format.DirectoryLeafLayout;
import io.fusedax.backing.format.StructureType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The dentries of a directory leaf that may be damaged. */
final class CheckLeaf {
    private CheckLeaf() {}

    /**
     * Reads a leaf.
     *
     * @return what is wrong with it as a whole, or null
     */
    static String load(CheckedVolume volume, long directory, long block, byte[] into) {
        String problem = volume.loadBlock(StructureType.DIRECTORY_LEAF, block, directory, into);
        int used = used(into);
        boolean possible =
                used >= DirectoryLeafLayout.ENTRIES
                        && used <= DirectoryLeafLayout.SIZE_BYTES
                        && used % Long.BYTES == 0;
        return problem == null && !possible ? "used_bytes " + used : problem;
    }

    static int used(byte[] leaf) {
        return Bytes.getU16(leaf, DirectoryLeafLayout.USED_BYTES);
    }

    /** Byte behind the dentry at a byte of the leaf; -1 when it does not fit. */
    static int next(byte[] leaf, int at) {
        int used = used(leaf);
        if (at + DentryLayout.NAME >= used) {
            return -1;
        }
        int nameLength = nameLength(leaf, at);
        int next = at + DentryLayout.sizeBytes(nameLength);
        return nameLength == 0 || next > used ? -1 : next;
    }

    static long key(byte[] leaf, int at) {
        return Bytes.getLong(leaf, at + DentryLayout.KEY);
    }

    /** 0 for a deleted dentry. */
    static long inode(byte[] leaf, int at) {
        return Bytes.getLong(leaf, at + DentryLayout.INODE);
    }

    static int type(byte[] leaf, int at) {
        return Bytes.getU8(leaf, at + DentryLayout.TYPE);
    }

    static int nameLength(byte[] leaf, int at) {
        return Bytes.getU8(leaf, at + DentryLayout.NAME_LENGTH);
    }

    static String name(byte[] leaf, int at) {
        return CheckText.name(leaf, at + DentryLayout.NAME, nameLength(leaf, at));
    }

    static byte[] nameBytes(byte[] leaf, int at) {
        int nameAt = at + DentryLayout.NAME;
        return Arrays.copyOfRange(leaf, nameAt, nameAt + nameLength(leaf, at));
    }

    /** Bytes of the leaf at which dentries start that are not deleted, up to a malformed one. */
    static List<Integer> liveEntries(byte[] leaf) {
        List<Integer> entries = new ArrayList<>();
        if (used(leaf) > leaf.length) {
            return entries;
        }
        int next;
        for (int at = DirectoryLeafLayout.ENTRIES; (next = next(leaf, at)) > 0; at = next) {
            if (inode(leaf, at) != 0) {
                entries.add(at);
            }
        }
        return entries;
    }

    /** A new leaf without dentries. */
    static byte[] empty(long directory) {
        byte[] leaf = new byte[DirectoryLeafLayout.SIZE_BYTES];
        Bytes.putLong(leaf, DirectoryLeafLayout.OWNER_INODE, directory);
        Bytes.putShort(leaf, DirectoryLeafLayout.USED_BYTES, DirectoryLeafLayout.ENTRIES);
        return leaf;
    }

    /** Adds a dentry at the end, where there must be room. */
    static void append(byte[] leaf, long key, long inode, int type, byte[] name) {
        int at = used(leaf);
        int end = at + DentryLayout.sizeBytes(name.length);
        Arrays.fill(leaf, at, end, (byte) 0);
        Bytes.putLong(leaf, at + DentryLayout.KEY, key);
        Bytes.putLong(leaf, at + DentryLayout.INODE, inode);
        leaf[at + DentryLayout.NAME_LENGTH] = (byte) name.length;
        leaf[at + DentryLayout.TYPE] = (byte) type;
        System.arraycopy(name, 0, leaf, at + DentryLayout.NAME, name.length);
        Bytes.putShort(leaf, DirectoryLeafLayout.USED_BYTES, end);
    }

    /** Live dentries and their bytes. */
    record Live(int count, int bytes) {
        static Live of(byte[] leaf) {
            List<Integer> entries = liveEntries(leaf);
            int bytes = 0;
            for (int at : entries) {
                bytes += next(leaf, at) - at;
            }
            return new Live(entries.size(), bytes);
        }

        static Live stored(byte[] leaf) {
            return new Live(
                    Bytes.getU16(leaf, DirectoryLeafLayout.LIVE_COUNT),
                    Bytes.getU16(leaf, DirectoryLeafLayout.LIVE_BYTES));
        }

        void store(byte[] leaf) {
            Bytes.putShort(leaf, DirectoryLeafLayout.LIVE_COUNT, count);
            Bytes.putShort(leaf, DirectoryLeafLayout.LIVE_BYTES, bytes);
        }
    }
}
