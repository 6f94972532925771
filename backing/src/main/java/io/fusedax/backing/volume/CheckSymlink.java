package io.fusedax.backing.volume;

import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.PackedExtent;
import io.fusedax.backing.format.RecordRootLayout;

/**
 * Finds the target of a symbolic link without its size, which says where the target is: no target
 * holds a NUL, and what follows it is zero, in the inode as in a block.
 */
final class CheckSymlink {
    private static final int MAX_BYTES = 4095;

    private final CheckedVolume volume;
    private final byte[] block = new byte[Geometry.BLOCK_BYTES];

    CheckSymlink(CheckedVolume volume) {
        this.volume = volume;
    }

    /** Bytes of the target; -1 when there is none. */
    int targetBytes(byte[] inode) {
        int inInode = textBytes(inode, InodeLayout.PAYLOAD, InodeLayout.PAYLOAD_BYTES);
        return inInode > 0 ? inInode : targetInBlock(inode);
    }

    private int targetInBlock(byte[] inode) {
        int root = InodeLayout.PAYLOAD;
        int record = root + RecordRootLayout.RECORDS;
        long extent = Bytes.getLong(inode, record + Long.BYTES);
        if (Bytes.getU16(inode, root + RecordRootLayout.LEVEL) != 0
                || Bytes.getU16(inode, root + RecordRootLayout.COUNT) != 1
                || Bytes.getLong(inode, record) != 0
                || PackedExtent.unwritten(extent)
                || !volume.geometry().isDataExtent(extent)) {
            return -1;
        }
        volume.readData(PackedExtent.start(extent), block);
        int bytes = textBytes(block, 0, block.length);
        return bytes > InodeLayout.PAYLOAD_BYTES && bytes <= MAX_BYTES ? bytes : -1;
    }

    /** Bytes before the first NUL; -1 when something follows that. */
    private static int textBytes(byte[] bytes, int from, int length) {
        int count = 0;
        while (count < length && bytes[from + count] != 0) {
            count++;
        }
        for (int i = count; i < length; i++) {
            if (bytes[from + i] != 0) {
                return -1;
            }
        }
        return count;
    }
}
