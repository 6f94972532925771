package io.fusedax.backing.volume;

/**
 * What a check knows of every inode: 5 bytes each, and 8 more where there are directories. In
 * chunks, made when they are used.
 */
final class CheckStates {
    /** Kind of an inode that is free; those in use have their file type, st_mode shifted by 12. */
    static final int FREE = 0;

    static final int DIRECTORY = 4;
    static final int REGULAR = 8;

    /** Kind of an inode that cannot be kept. */
    static final int BROKEN = 16;

    /** What hangs on the inode is to be written anew. */
    static final int REBUILD = 0x20;

    /** The hidden directory holds it. */
    static final int ORPHAN = 0x40;

    /** A directory that the root leads to; a free inode in the chain of those. */
    static final int REACHED = 0x80;

    private static final int KIND_MASK = 0x1F;
    private static final int CHUNK_SHIFT = 14;
    private static final int CHUNK = 1 << CHUNK_SHIFT;

    private final byte[][] kinds;
    private final int[][] links;
    private final long[][] parents;

    /**
     * @param capacity inode numbers lie below
     */
    CheckStates(long capacity) {
        int chunks = Math.toIntExact((capacity >>> CHUNK_SHIFT) + 1);
        kinds = new byte[chunks][];
        links = new int[chunks][];
        parents = new long[chunks][];
    }

    private static int chunk(long number) {
        return (int) (number >>> CHUNK_SHIFT);
    }

    private static int index(long number) {
        return (int) (number & CHUNK - 1);
    }

    int kind(long number) {
        byte[] chunk = kinds[chunk(number)];
        return chunk == null ? FREE : chunk[index(number)] & KIND_MASK;
    }

    boolean inUse(long number) {
        int kind = kind(number);
        return kind != FREE && kind != BROKEN;
    }

    boolean isDirectory(long number) {
        return kind(number) == DIRECTORY;
    }

    /** Sets the kind and takes all flags away. */
    void setKind(long number, int kind) {
        byte[] chunk = kinds[chunk(number)];
        if (chunk == null) {
            chunk = kinds[chunk(number)] = new byte[CHUNK];
        }
        chunk[index(number)] = (byte) kind;
    }

    boolean is(long number, int flag) {
        byte[] chunk = kinds[chunk(number)];
        return chunk != null && (chunk[index(number)] & flag) != 0;
    }

    void set(long number, int flag) {
        byte[] chunk = kinds[chunk(number)];
        if (chunk == null) {
            chunk = kinds[chunk(number)] = new byte[CHUNK];
        }
        chunk[index(number)] |= (byte) flag;
    }

    /** Names of the inode; of a directory the directories in it. */
    int links(long number) {
        int[] chunk = links[chunk(number)];
        return chunk == null ? 0 : chunk[index(number)];
    }

    void addLinks(long number, int more) {
        int[] chunk = links[chunk(number)];
        if (chunk == null) {
            chunk = links[chunk(number)] = new int[CHUNK];
        }
        chunk[index(number)] += more;
    }

    /** The directory that names this directory, 0: none does. */
    long parent(long number) {
        long[] chunk = parents[chunk(number)];
        return chunk == null ? 0 : chunk[index(number)];
    }

    void setParent(long number, long parent) {
        long[] chunk = parents[chunk(number)];
        if (chunk == null) {
            chunk = parents[chunk(number)] = new long[CHUNK];
        }
        chunk[index(number)] = parent;
    }

    /** Whether a visible directory names the inode. */
    boolean isNamed(long number) {
        return isDirectory(number) ? parent(number) != 0 : links(number) > 0;
    }
}
