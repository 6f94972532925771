package io.fusedax.backing.journal;

import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.StructureType;

/**
 * One metadata structure in memory: what the running transaction sees of it. A structure is the
 * unit of checksum, of caching and of locking alike.
 *
 * <p>Content is read freely under the lock of the structure's owner (its inode, its block group)
 * and is written only through a {@link Transaction}: there is no other way to store into it.
 * Changes are tracked in lines of 64 bytes, the unit in which they are undone, logged and written
 * home.
 */
public final class MetaBuffer {
    static final int LINE_SHIFT = 6;
    static final int LINE_BYTES = 1 << LINE_SHIFT;

    final byte[] bytes;
    private final long address;
    private final StructureType type;

    /** Lines changed since the last commit; bit 0 is the first. Guarded by the owner's lock. */
    long dirtyLines;

    /** Transaction that changed this last; guarded by this monitor where eviction looks. */
    volatile long dirtyTid;

    /** Its block was freed: not logged, not written home. */
    volatile boolean discarded;

    /** The cache no longer knows this buffer. Guarded by this monitor. */
    boolean evicted;

    /** Used since the cache's clock hand passed. */
    boolean referenced;

    /** Operation whose undo log holds {@link #undoLines}. Guarded by the owner's lock. */
    long undoOperation;

    long undoLines;

    MetaBuffer(StructureType type, long address) {
        this.type = type;
        this.address = address;
        this.bytes = new byte[type.sizeBytes()];
    }

    /** Byte offset in the region. */
    public long address() {
        return address;
    }

    /** First block of the structure, in units of 4 KiB. */
    public long block() {
        return address >>> 12;
    }

    public StructureType type() {
        return type;
    }

    public int getU8(int offset) {
        return Bytes.getU8(bytes, offset);
    }

    public int getU16(int offset) {
        return Bytes.getU16(bytes, offset);
    }

    public int getInt(int offset) {
        return Bytes.getInt(bytes, offset);
    }

    public long getLong(int offset) {
        return Bytes.getLong(bytes, offset);
    }

    /** Copies {@code length} bytes out, starting at {@code offset}. */
    public void getBytes(int offset, byte[] dst, int dstOffset, int length) {
        System.arraycopy(bytes, offset, dst, dstOffset, length);
    }

    /** Whether {@code length} bytes at {@code offset} equal those of {@code other}. */
    public boolean regionMatches(int offset, byte[] other, int otherOffset, int length) {
        return java.util.Arrays.equals(
                bytes, offset, offset + length, other, otherOffset, otherOffset + length);
    }

    /**
     * The content itself, to be read only: for visitors that would otherwise copy every name.
     * Storing into it would bypass the journal.
     */
    public byte[] readOnlyBytes() {
        return bytes;
    }

    @Override
    public String toString() {
        return type.title() + " at offset " + address;
    }
}
