package io.fusedax.backing.namespace;

/** What a look-up in a directory found; reused. */
public final class Dentry {
    public long inode;

    /** DT_*: the inode's file type bits, shifted right by 12. */
    public int type;

    long key;
}
