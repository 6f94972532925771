package io.fusedax.backing.volume;

/** Inode flags, with the values of linux/fs.h (FS_*_FL). */
public final class InodeFlags {
    public static final int SYNC = 0x8;
    public static final int IMMUTABLE = 0x10;
    public static final int APPEND = 0x20;
    public static final int NODUMP = 0x40;
    public static final int NOATIME = 0x80;
    public static final int DIRSYNC = 0x10000;
    public static final int TOPDIR = 0x20000;
    public static final int DAX = 0x0200_0000;
    public static final int PROJINHERIT = 0x2000_0000;

    /** All that can be set. */
    public static final int SUPPORTED =
            SYNC | IMMUTABLE | APPEND | NODUMP | NOATIME | DIRSYNC | TOPDIR | DAX | PROJINHERIT;

    /** What a new inode takes from its directory. */
    static final int INHERITED = SYNC | NODUMP | NOATIME | DIRSYNC | DAX | PROJINHERIT;

    /** What only directories have. */
    static final int DIRECTORY_ONLY = DIRSYNC | TOPDIR | PROJINHERIT;

    private InodeFlags() {}
}
