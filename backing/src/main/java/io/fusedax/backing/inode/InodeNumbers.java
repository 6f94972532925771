package io.fusedax.backing.inode;

import io.fusedax.backing.format.InodeLayout;

/**
 * Inode numbers with a fixed meaning, and where the bootstrap inode lies. See FORMAT.md, "Inode".
 */
public final class InodeNumbers {
    /** The inode table's own inode; it lies in the superblock's block. */
    public static final long TABLE = 1;

    public static final long ROOT = 2;

    /** Hidden directory of inodes without a name that are still in use, or being truncated. */
    public static final long ORPHANS = 3;

    /** The first number for ordinary use. */
    public static final long FIRST = 4;

    /** Byte offset in the region of the inode table's own inode. */
    public static final long TABLE_INODE_OFFSET = 1024;

    /** Byte offset in the backup superblock's block of the copy of that inode. */
    public static final int TABLE_INODE_BACKUP = 1024;

    /** Inodes in a block of the inode table. */
    public static final int PER_BLOCK = 4096 / InodeLayout.SIZE_BYTES;

    private InodeNumbers() {}
}
