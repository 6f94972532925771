package io.fusedax.backing.volume;

/**
 * What stat(2) and statx(2) report of an inode; filled by {@link Volume#getattr} and meant to be
 * reused by the caller, so that a stat allocates nothing.
 */
public final class InodeAttributes {
    public long inode;
    public int generation;

    /** st_mode: type and permission bits. */
    public int mode;

    public int linkCount;
    public int uid;
    public int gid;

    /** Device number in the kernel's 32-bit encoding (new_encode_dev), for device nodes. */
    public int rdev;

    /** FS_*_FL inode flags as FS_IOC_GETFLAGS reports them. */
    public int flags;

    public int projectId;
    public long sizeBytes;

    /** Allocated space, data and metadata, in units of 512 bytes. */
    public long blocks512;

    public long atimeSeconds;
    public int atimeNanos;
    public long mtimeSeconds;
    public int mtimeNanos;
    public long ctimeSeconds;
    public int ctimeNanos;
    public long birthSeconds;
    public int birthNanos;
}
