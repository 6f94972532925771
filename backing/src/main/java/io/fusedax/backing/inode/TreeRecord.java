package io.fusedax.backing.inode;

/**
 * Where a look-up in a record tree leaves its answer; reused, so that a look-up allocates nothing.
 */
public final class TreeRecord {
    public long key;
    public long value;
}
