package io.fusedax.mount;

import io.fusedax.backing.volume.InodeAttributes;
import jnr.ffi.Runtime;
import ru.serce.jnrfuse.struct.FileStat;

/** Writes inode attributes in the forms of the kernel (struct fuse_attr) and of C (struct stat). */
final class Attributes {
    /** Preferred size of input and output, in bytes. */
    static final int BLOCK_SIZE = 4096;

    private static final FileStat STAT = new FileStat(Runtime.getSystemRuntime());
    private static final long STAT_INODE = STAT.st_ino.offset();
    private static final long STAT_LINKS = STAT.st_nlink.offset();
    private static final long STAT_MODE = STAT.st_mode.offset();
    private static final long STAT_UID = STAT.st_uid.offset();
    private static final long STAT_GID = STAT.st_gid.offset();
    private static final long STAT_RDEV = STAT.st_rdev.offset();
    private static final long STAT_SIZE = STAT.st_size.offset();
    private static final long STAT_BLOCK_SIZE = STAT.st_blksize.offset();
    private static final long STAT_BLOCKS = STAT.st_blocks.offset();
    private static final long STAT_ATIME = STAT.st_atim.tv_sec.offset();
    private static final long STAT_MTIME = STAT.st_mtim.tv_sec.offset();
    private static final long STAT_CTIME = STAT.st_ctim.tv_sec.offset();

    private Attributes() {}

    /** Fills a struct fuse_attr; the memory need not be clear. */
    static void putKernel(long to, InodeAttributes from) {
        Memory.putLong(to + ReplyLayout.Attributes.INODE, from.inode);
        Memory.putLong(to + ReplyLayout.Attributes.SIZE, from.sizeBytes);
        Memory.putLong(to + ReplyLayout.Attributes.BLOCKS, from.blocks512);
        Memory.putLong(to + ReplyLayout.Attributes.ATIME, from.atimeSeconds);
        Memory.putLong(to + ReplyLayout.Attributes.MTIME, from.mtimeSeconds);
        Memory.putLong(to + ReplyLayout.Attributes.CTIME, from.ctimeSeconds);
        Memory.putInt(to + ReplyLayout.Attributes.ATIME_NANOS, from.atimeNanos);
        Memory.putInt(to + ReplyLayout.Attributes.MTIME_NANOS, from.mtimeNanos);
        Memory.putInt(to + ReplyLayout.Attributes.CTIME_NANOS, from.ctimeNanos);
        Memory.putInt(to + ReplyLayout.Attributes.MODE, from.mode);
        Memory.putInt(to + ReplyLayout.Attributes.LINK_COUNT, from.linkCount);
        Memory.putInt(to + ReplyLayout.Attributes.UID, from.uid);
        Memory.putInt(to + ReplyLayout.Attributes.GID, from.gid);
        Memory.putInt(to + ReplyLayout.Attributes.RDEV, from.rdev);
        Memory.putLong(to + ReplyLayout.Attributes.BLOCK_SIZE, BLOCK_SIZE);
    }

    /** Fills a struct stat that libfuse has cleared. */
    static void putStat(long to, InodeAttributes from) {
        Memory.putLong(to + STAT_INODE, from.inode);
        Memory.putInt(to + STAT_LINKS, from.linkCount); // 4 or 8 bytes; the rest is clear
        Memory.putInt(to + STAT_MODE, from.mode);
        Memory.putInt(to + STAT_UID, from.uid);
        Memory.putInt(to + STAT_GID, from.gid);
        Memory.putInt(to + STAT_RDEV, from.rdev);
        Memory.putLong(to + STAT_SIZE, from.sizeBytes);
        Memory.putInt(to + STAT_BLOCK_SIZE, BLOCK_SIZE);
        Memory.putLong(to + STAT_BLOCKS, from.blocks512);
        putTime(to + STAT_ATIME, from.atimeSeconds, from.atimeNanos);
        putTime(to + STAT_MTIME, from.mtimeSeconds, from.mtimeNanos);
        putTime(to + STAT_CTIME, from.ctimeSeconds, from.ctimeNanos);
    }

    private static void putTime(long to, long seconds, int nanos) {
        Memory.putLong(to, seconds);
        Memory.putLong(to + Long.BYTES, nanos);
    }
}
