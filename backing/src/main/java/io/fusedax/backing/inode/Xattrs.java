package io.fusedax.backing.inode;

import io.fusedax.backing.FsException;
import io.fusedax.backing.alloc.ExtentAllocator;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.PackedExtent;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.format.XattrBlockLayout;
import io.fusedax.backing.format.XattrEntryLayout;
import io.fusedax.backing.journal.MetaBuffer;
import io.fusedax.backing.journal.MetadataCache;
import io.fusedax.backing.journal.Transaction;
import io.fusedax.backing.region.Region;
import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import java.util.zip.CRC32C;
import jnr.constants.platform.Errno;

/**
 * Extended attributes: a short chain of blocks of entries per inode. Short values lie in the entry,
 * long ones in blocks of their own, which are never overwritten: a new value gets new blocks. The
 * inode's lock is held, exclusively for changes.
 */
public final class Xattrs {
    public static final int XATTR_CREATE = 1;
    public static final int XATTR_REPLACE = 2;

    private static final int MAX_VALUE_BYTES = 1 << 16;
    private static final int MAX_NAME_BYTES = 255;

    /** Longest value kept in its entry. */
    private static final int MAX_INLINE_BYTES = 512;

    private final MetadataCache cache;
    private final Region region;
    private final ExtentAllocator allocator;

    public Xattrs(MetadataCache cache, ExtentAllocator allocator) {
        this.cache = cache;
        this.region = cache.region();
        this.allocator = allocator;
    }

    /** A walk along an inode's blocks. */
    private final class Chain {
        private final Inode inode;
        private int count;

        /** The block the walk is at; null before the first and behind the last. */
        MetaBuffer block;

        /** The block before, null at the first. */
        MetaBuffer before;

        Chain(Inode inode) {
            this.inode = inode;
        }

        boolean next() throws FsException {
            long number =
                    block == null
                            ? inode.buffer().getLong(InodeLayout.XATTR_BLOCK)
                            : block.getLong(XattrBlockLayout.NEXT);
            before = block;
            if (number == 0) {
                block = null;
                return false;
            }
            MetaBuffer next = cache.load(StructureType.XATTR_BLOCK, number, inode.number());
            int used = next.getU16(XattrBlockLayout.USED_BYTES);
            if (used < XattrBlockLayout.ENTRIES
                    || used > XattrBlockLayout.SIZE_BYTES
                    || (used & 7) != 0) {
                throw MetadataCache.corrupt(next.type(), next.address(), "used_bytes " + used);
            }
            if (++count > XattrBlockLayout.MAX_BLOCKS) {
                throw MetadataCache.corrupt(
                        next.type(), next.address(), "more than 16 blocks: a loop?");
            }
            block = next;
            return true;
        }

        /** Goes on to the entry of a name; returns its offset, or -1 behind the last block. */
        int find(byte[] name) throws FsException {
            while (next()) {
                int at = Xattrs.find(block, name);
                if (at >= 0) {
                    return at;
                }
            }
            return -1;
        }

        /** Goes on to a block with room; false behind the last one. */
        boolean findRoom(int bytes) throws FsException {
            while (next()) {
                if (block.getU16(XattrBlockLayout.USED_BYTES) + bytes
                        <= XattrBlockLayout.SIZE_BYTES) {
                    return true;
                }
            }
            return false;
        }
    }

    private static int entryBytes(MetaBuffer buffer, int at) throws FsException {
        int room = buffer.getU16(XattrBlockLayout.USED_BYTES) - at;
        if (room >= XattrEntryLayout.headBytes(1)) {
            int nameLength = buffer.getU8(at + XattrEntryLayout.NAME_LENGTH);
            int head = XattrEntryLayout.headBytes(nameLength);
            int extents = buffer.getU8(at + XattrEntryLayout.EXTENT_COUNT);
            int value = buffer.getInt(at + XattrEntryLayout.VALUE_LENGTH);
            int body = extents > 0 ? extents * Long.BYTES : value;
            if (nameLength > 0 && value >= 0 && value <= MAX_VALUE_BYTES && body <= room - head) {
                return head + (body + 7 & ~7);
            }
        }
        throw MetadataCache.corrupt(buffer.type(), buffer.address(), "entry at byte " + at);
    }

    /** Offset of the entry, or -1. */
    private static int find(MetaBuffer buffer, byte[] name) throws FsException {
        int used = buffer.getU16(XattrBlockLayout.USED_BYTES);
        int next;
        for (int at = XattrBlockLayout.ENTRIES; at < used; at = next) {
            next = at + entryBytes(buffer, at);
            if (buffer.getU8(at + XattrEntryLayout.NAME_LENGTH) == name.length
                    && buffer.regionMatches(at + XattrEntryLayout.NAME, name, 0, name.length)) {
                return at;
            }
        }
        return -1;
    }

    /**
     * The value.
     *
     * @throws FsException ENODATA when there is none
     */
    public byte[] get(Inode inode, byte[] name) throws FsException {
        Chain chain = new Chain(inode);
        int at = chain.find(name);
        if (at < 0) {
            throw new FsException(Errno.ENODATA, "no such attribute");
        }
        MetaBuffer buffer = chain.block;
        byte[] value = new byte[buffer.getInt(at + XattrEntryLayout.VALUE_LENGTH)];
        int extents = buffer.getU8(at + XattrEntryLayout.EXTENT_COUNT);
        int body = at + XattrEntryLayout.headBytes(name.length);
        if (extents == 0) {
            buffer.getBytes(body, value, 0, value.length);
        } else {
            readExternal(buffer, at, body, extents, value);
        }
        return value;
    }

    private void readExternal(MetaBuffer buffer, int at, int body, int extents, byte[] value)
            throws FsException {
        int done = 0;
        for (int i = 0; i < extents && done < value.length; i++) {
            long extent = buffer.getLong(body + i * Long.BYTES);
            if (!cache.geometry().isDataExtent(extent)) {
                throw MetadataCache.corrupt(
                        buffer.type(), buffer.address(), "extent of entry at byte " + at);
            }
            int part =
                    (int)
                            Math.min(
                                    value.length - done,
                                    PackedExtent.length(extent) << Geometry.BLOCK_SHIFT);
            region.read(PackedExtent.start(extent) << Geometry.BLOCK_SHIFT, value, done, part);
            done += part;
        }
        CRC32C crc = new CRC32C();
        crc.update(value);
        int stored = buffer.getInt(at + XattrEntryLayout.VALUE_CHECKSUM);
        if (done < value.length || (int) crc.getValue() != stored) {
            throw MetadataCache.corrupt(
                    buffer.type(), buffer.address(), "value checksum of entry at byte " + at);
        }
    }

    /** All names, each with a NUL behind it. */
    public byte[] list(Inode inode) throws FsException {
        ByteArrayOutputStream names = new ByteArrayOutputStream();
        Chain chain = new Chain(inode);
        byte[] name = new byte[MAX_NAME_BYTES];
        while (chain.next()) {
            MetaBuffer buffer = chain.block;
            int used = buffer.getU16(XattrBlockLayout.USED_BYTES);
            int next;
            for (int at = XattrBlockLayout.ENTRIES; at < used; at = next) {
                next = at + entryBytes(buffer, at);
                int length = buffer.getU8(at + XattrEntryLayout.NAME_LENGTH);
                buffer.getBytes(at + XattrEntryLayout.NAME, name, 0, length);
                names.write(name, 0, length);
                names.write(0);
            }
        }
        return names.toByteArray();
    }

    /**
     * Sets a value.
     *
     * @param flags 0, {@link #XATTR_CREATE} or {@link #XATTR_REPLACE}
     * @throws FsException EEXIST, ENODATA by the flags; ERANGE, E2BIG by the sizes; ENOSPC when the
     *     entries no longer fit their blocks
     */
    public void set(Transaction tx, Inode inode, byte[] name, byte[] value, int flags)
            throws FsException {
        if (name.length == 0 || name.length > MAX_NAME_BYTES) {
            throw new FsException(Errno.ERANGE, "name_bytes=" + name.length);
        }
        if (value.length > MAX_VALUE_BYTES) {
            throw new FsException(Errno.E2BIG, "value_bytes=" + value.length);
        }
        Chain chain = new Chain(inode);
        int at = chain.find(name);
        if (at >= 0 && (flags & XATTR_CREATE) != 0) {
            throw new FsException(Errno.EEXIST, "attribute exists");
        }
        if (at < 0 && (flags & XATTR_REPLACE) != 0) {
            throw new FsException(Errno.ENODATA, "no such attribute");
        }
        if (at >= 0) {
            removeEntry(tx, inode, chain.block, at);
        }
        boolean inline = value.length <= MAX_INLINE_BYTES;
        long[] extents = inline ? new long[0] : writeExternal(tx, inode, value);
        int body = inline ? value.length : extents.length * Long.BYTES;
        int bytes = XattrEntryLayout.headBytes(name.length) + (body + 7 & ~7);
        Chain room = new Chain(inode);
        MetaBuffer to = room.findRoom(bytes) ? room.block : newBlock(tx, inode, room.count);
        append(tx, to, bytes, name, value, extents);
        if (at >= 0 && to != chain.block) {
            freeIfEmpty(tx, inode, chain.block);
        }
        inode.noteChange(tx);
    }

    /** A new first block. */
    private MetaBuffer newBlock(Transaction tx, Inode inode, int count) throws FsException {
        if (count == XattrBlockLayout.MAX_BLOCKS) {
            throw new FsException(Errno.ENOSPC, "attributes of " + inode + " fill their blocks");
        }
        long block = PackedExtent.start(allocator.allocate(tx, 0, 1));
        MetaBuffer buffer = tx.create(StructureType.XATTR_BLOCK, block << Geometry.BLOCK_SHIFT);
        long next = inode.buffer().getLong(InodeLayout.XATTR_BLOCK);
        tx.putLong(buffer, XattrBlockLayout.OWNER_INODE, inode.number());
        tx.putShort(buffer, XattrBlockLayout.USED_BYTES, XattrBlockLayout.ENTRIES);
        tx.putLong(buffer, XattrBlockLayout.NEXT, next);
        tx.putLong(inode.buffer(), InodeLayout.XATTR_BLOCK, block);
        inode.addBlocks(tx, 1);
        return buffer;
    }

    /** Adds an entry of {@code bytes} bytes to a block with room for it. */
    private static void append(
            Transaction tx, MetaBuffer buffer, int bytes, byte[] name, byte[] value, long[] extents)
            throws FsException {
        int at = buffer.getU16(XattrBlockLayout.USED_BYTES);
        int body = at + XattrEntryLayout.headBytes(name.length);
        tx.zero(buffer, at, bytes);
        tx.putInt(buffer, at + XattrEntryLayout.VALUE_LENGTH, value.length);
        tx.putByte(buffer, at + XattrEntryLayout.NAME_LENGTH, name.length);
        tx.putByte(buffer, at + XattrEntryLayout.EXTENT_COUNT, extents.length);
        tx.putBytes(buffer, at + XattrEntryLayout.NAME, name, 0, name.length);
        if (extents.length == 0) {
            tx.putBytes(buffer, body, value, 0, value.length);
        } else {
            CRC32C crc = new CRC32C();
            crc.update(value);
            tx.putInt(buffer, at + XattrEntryLayout.VALUE_CHECKSUM, (int) crc.getValue());
            for (int i = 0; i < extents.length; i++) {
                tx.putLong(buffer, body + i * Long.BYTES, extents[i]);
            }
        }
        tx.putShort(buffer, XattrBlockLayout.USED_BYTES, at + bytes);
        tx.putShort(buffer, XattrBlockLayout.COUNT, buffer.getU16(XattrBlockLayout.COUNT) + 1);
    }

    private long[] writeExternal(Transaction tx, Inode inode, byte[] value) throws FsException {
        long[] extents = new long[17];
        int count = 0;
        int done = 0;
        while (done < value.length || count == 0) {
            long blocks = Math.max(1, value.length - done + 4095 >>> Geometry.BLOCK_SHIFT);
            long extent = allocator.allocate(tx, 0, blocks);
            long offset = PackedExtent.start(extent) << Geometry.BLOCK_SHIFT;
            long room = PackedExtent.length(extent) << Geometry.BLOCK_SHIFT;
            int part = (int) Math.min(value.length - done, room);
            region.write(offset, value, done, part);
            region.flush(offset, part);
            inode.addBlocks(tx, PackedExtent.length(extent));
            extents[count++] = extent;
            done += part;
        }
        return Arrays.copyOf(extents, count);
    }

    /**
     * Removes an attribute.
     *
     * @throws FsException ENODATA when there is none
     */
    public void remove(Transaction tx, Inode inode, byte[] name) throws FsException {
        Chain chain = new Chain(inode);
        int at = chain.find(name);
        if (at < 0) {
            throw new FsException(Errno.ENODATA, "no such attribute");
        }
        removeEntry(tx, inode, chain.block, at);
        freeIfEmpty(tx, inode, chain.block);
        inode.noteChange(tx);
    }

    private void removeEntry(Transaction tx, Inode inode, MetaBuffer buffer, int at)
            throws FsException {
        int used = buffer.getU16(XattrBlockLayout.USED_BYTES);
        int length = entryBytes(buffer, at);
        freeExtents(tx, inode, buffer, at);
        tx.copy(buffer, at + length, buffer, at, used - at - length);
        tx.putShort(buffer, XattrBlockLayout.USED_BYTES, used - length);
        tx.putShort(buffer, XattrBlockLayout.COUNT, buffer.getU16(XattrBlockLayout.COUNT) - 1);
    }

    private void freeExtents(Transaction tx, Inode inode, MetaBuffer buffer, int at)
            throws FsException {
        int extents = buffer.getU8(at + XattrEntryLayout.EXTENT_COUNT);
        int body = at + XattrEntryLayout.headBytes(buffer.getU8(at + XattrEntryLayout.NAME_LENGTH));
        for (int i = 0; i < extents; i++) {
            long extent = buffer.getLong(body + i * Long.BYTES);
            if (!cache.geometry().isDataExtent(extent)) {
                throw MetadataCache.corrupt(
                        buffer.type(),
                        buffer.address(),
                        "extent " + i + " of the entry at byte " + at + " outside the data area");
            }
            allocator.free(tx, extent);
            inode.addBlocks(tx, -PackedExtent.length(extent));
        }
    }

    private void freeIfEmpty(Transaction tx, Inode inode, MetaBuffer buffer) throws FsException {
        if (buffer.getU16(XattrBlockLayout.COUNT) == 0) {
            Chain chain = new Chain(inode);
            boolean more = chain.next();
            while (more && chain.block != buffer) {
                more = chain.next();
            }
            freeBlock(tx, inode, chain);
        }
    }

    /** Takes the block that a walk is at out of the chain. */
    private void freeBlock(Transaction tx, Inode inode, Chain chain) throws FsException {
        MetaBuffer buffer = chain.block;
        long next = buffer.getLong(XattrBlockLayout.NEXT);
        if (chain.before == null) {
            tx.putLong(inode.buffer(), InodeLayout.XATTR_BLOCK, next);
        } else {
            tx.putLong(chain.before, XattrBlockLayout.NEXT, next);
        }
        tx.discard(buffer);
        allocator.free(tx, PackedExtent.of(buffer.block(), 1));
        inode.addBlocks(tx, -1);
    }

    /** Whether one transaction can free all attributes; if not, {@link #removeFirst} helps. */
    public boolean isSmall(Inode inode) throws FsException {
        Chain chain = new Chain(inode);
        return !chain.next() || chain.block.getLong(XattrBlockLayout.NEXT) == 0;
    }

    /** Frees the attributes in the first block, of an inode that goes. */
    public void removeFirst(Transaction tx, Inode inode) throws FsException {
        Chain chain = new Chain(inode);
        if (chain.next()) {
            MetaBuffer buffer = chain.block;
            int used = buffer.getU16(XattrBlockLayout.USED_BYTES);
            int next;
            for (int at = XattrBlockLayout.ENTRIES; at < used; at = next) {
                next = at + entryBytes(buffer, at);
                freeExtents(tx, inode, buffer, at);
            }
            freeBlock(tx, inode, chain);
        }
    }

    /** Receives the extents that attributes own, the entry blocks included; for checks. */
    public interface ExtentVisitor {
        void extent(long packedExtent) throws FsException;
    }

    public void visitExtents(Inode inode, ExtentVisitor visitor) throws FsException {
        Chain chain = new Chain(inode);
        while (chain.next()) {
            MetaBuffer buffer = chain.block;
            visitor.extent(PackedExtent.of(buffer.block(), 1));
            int used = buffer.getU16(XattrBlockLayout.USED_BYTES);
            int next;
            for (int at = XattrBlockLayout.ENTRIES; at < used; at = next) {
                next = at + entryBytes(buffer, at);
                int extents = buffer.getU8(at + XattrEntryLayout.EXTENT_COUNT);
                int nameLength = buffer.getU8(at + XattrEntryLayout.NAME_LENGTH);
                int body = at + XattrEntryLayout.headBytes(nameLength);
                for (int i = 0; i < extents; i++) {
                    visitor.extent(buffer.getLong(body + i * Long.BYTES));
                }
            }
        }
    }
}
