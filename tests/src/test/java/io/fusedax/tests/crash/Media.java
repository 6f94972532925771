package io.fusedax.tests.crash;

import io.fusedax.backing.format.DirectoryLeafLayout;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.format.SuperblockLayout;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** The bytes of a region that is not mounted: finds structures by their magic, damages them. */
final class Media implements AutoCloseable {
    private static final int BLOCK_BYTES = 4096;

    private final RandomAccessFile file;

    Media(Path region) throws IOException {
        file = new RandomAccessFile(region.toFile(), "rw");
    }

    /** Offset of the live inode with this number; copies in the journal do not count. */
    long inode(long number) throws IOException {
        for (long offset : find(StructureType.INODE, InodeLayout.SIZE_BYTES)) {
            if (u64(offset + InodeLayout.INODE) == number) {
                return offset;
            }
        }
        throw new AssertionError("no inode " + number + " on the media");
    }

    /** Offset of the first directory leaf of a directory. */
    long directoryLeaf(long inode) throws IOException {
        for (long offset : find(StructureType.DIRECTORY_LEAF, BLOCK_BYTES)) {
            if (u64(offset + DirectoryLeafLayout.OWNER_INODE) == inode) {
                return offset;
            }
        }
        throw new AssertionError("no directory leaf of inode " + inode + " on the media");
    }

    /** Offsets outside the journal where a structure's magic stands. */
    List<Long> find(StructureType type, int strideBytes) throws IOException {
        long journalBegin = journalOffset();
        long journalEnd = journalBegin + u64(SuperblockLayout.JOURNAL_LENGTH_BLOCKS) * BLOCK_BYTES;
        List<Long> offsets = new ArrayList<>();
        byte[] block = new byte[BLOCK_BYTES];
        for (long base = 0; base + BLOCK_BYTES <= file.length(); base += BLOCK_BYTES) {
            if (base >= journalBegin && base < journalEnd) {
                continue;
            }
            file.seek(base);
            file.readFully(block);
            ByteBuffer words = ByteBuffer.wrap(block).order(ByteOrder.LITTLE_ENDIAN);
            for (int at = 0; at < BLOCK_BYTES; at += strideBytes) {
                if (words.getInt(at) == type.magic()) {
                    offsets.add(base + at);
                }
            }
        }
        return offsets;
    }

    long journalOffset() throws IOException {
        return u64(SuperblockLayout.JOURNAL_BLOCK) * BLOCK_BYTES;
    }

    long backupSuperblockOffset() throws IOException {
        return (u64(SuperblockLayout.TOTAL_BLOCKS) - 1) * BLOCK_BYTES;
    }

    /** Flips one bit. */
    void flip(long offset) throws IOException {
        file.seek(offset);
        int value = file.read();
        file.seek(offset);
        file.write(value ^ 0x10);
    }

    void fill(long offset, int lengthBytes, Random random) throws IOException {
        byte[] noise = new byte[lengthBytes];
        random.nextBytes(noise);
        file.seek(offset);
        file.write(noise);
    }

    private long u64(long offset) throws IOException {
        byte[] bytes = new byte[Long.BYTES];
        file.seek(offset);
        file.readFully(bytes);
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
