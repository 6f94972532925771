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
 * Extended attributes: one block of entries per inode. Short values lie in the entry, long ones in
 * blocks of their own, which are never overwritten: a new value gets new blocks. The inode's lock
 * is held, exclusively for changes.
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

    private MetaBuffer block(Inode inode) throws FsException {
        long block = inode.buffer().getLong(InodeLayout.XATTR_BLOCK);
        if (block == 0) {
            return null;
        }
        MetaBuffer buffer = cache.load(StructureType.XATTR_BLOCK, block, inode.number());
        int used = buffer.getU16(XattrBlockLayout.USED_BYTES);
        if (used < XattrBlockLayout.ENTRIES || used > XattrBlockLayout.SIZE_BYTES) {
            throw MetadataCache.corrupt(buffer.type(), buffer.address(), "used_bytes " + used);
        }
        return buffer;
    }

    private static int entryBytes(MetaBuffer buffer, int at) throws FsException {
        int used = buffer.getU16(XattrBlockLayout.USED_BYTES);
        int head = XattrEntryLayout.headBytes(buffer.getU8(at + XattrEntryLayout.NAME_LENGTH));
        int extents = buffer.getU8(at + XattrEntryLayout.EXTENT_COUNT);
        int value = buffer.getInt(at + XattrEntryLayout.VALUE_LENGTH);
        int body = extents > 0 ? extents * Long.BYTES : value;
        if (value < 0 || value > MAX_VALUE_BYTES || body > used - at - head) {
            throw MetadataCache.corrupt(buffer.type(), buffer.address(), "entry at byte " + at);
        }
        return head + (body + 7 & ~7);
    }

    /** Offset of the entry, or -1. */
    private static int find(MetaBuffer buffer, byte[] name) throws FsException {
        if (buffer == null) {
            return -1;
        }
        int used = buffer.getU16(XattrBlockLayout.USED_BYTES);
        for (int at = XattrBlockLayout.ENTRIES; at < used; at += entryBytes(buffer, at)) {
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
        MetaBuffer buffer = block(inode);
        int at = find(buffer, name);
        if (at < 0) {
            throw new FsException(Errno.ENODATA, "no such attribute");
        }
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
        MetaBuffer buffer = block(inode);
        ByteArrayOutputStream names = new ByteArrayOutputStream();
        if (buffer != null) {
            int used = buffer.getU16(XattrBlockLayout.USED_BYTES);
            byte[] name = new byte[MAX_NAME_BYTES];
            for (int at = XattrBlockLayout.ENTRIES; at < used; at += entryBytes(buffer, at)) {
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
     *     names no longer fit their block
     */
    public void set(Transaction tx, Inode inode, byte[] name, byte[] value, int flags)
            throws FsException {
        if (name.length == 0 || name.length > MAX_NAME_BYTES) {
            throw new FsException(Errno.ERANGE, "name_bytes=" + name.length);
        }
        if (value.length > MAX_VALUE_BYTES) {
            throw new FsException(Errno.E2BIG, "value_bytes=" + value.length);
        }
        MetaBuffer buffer = block(inode);
        int at = find(buffer, name);
        if (at >= 0 && (flags & XATTR_CREATE) != 0) {
            throw new FsException(Errno.EEXIST, "attribute exists");
        }
        if (at < 0 && (flags & XATTR_REPLACE) != 0) {
            throw new FsException(Errno.ENODATA, "no such attribute");
        }
        if (buffer == null) {
            buffer = newBlock(tx, inode);
        }
        if (at >= 0) {
            removeEntry(tx, inode, buffer, at);
        }
        append(tx, inode, buffer, name, value);
        inode.noteChange(tx);
    }

    private MetaBuffer newBlock(Transaction tx, Inode inode) throws FsException {
        long block = PackedExtent.start(allocator.allocate(tx, 0, 1));
        MetaBuffer buffer = tx.create(StructureType.XATTR_BLOCK, block << Geometry.BLOCK_SHIFT);
        tx.putLong(buffer, XattrBlockLayout.OWNER_INODE, inode.number());
        tx.putShort(buffer, XattrBlockLayout.USED_BYTES, XattrBlockLayout.ENTRIES);
        tx.putLong(inode.buffer(), InodeLayout.XATTR_BLOCK, block);
        inode.addBlocks(tx, 1);
        return buffer;
    }

    private void append(Transaction tx, Inode inode, MetaBuffer buffer, byte[] name, byte[] value)
            throws FsException {
        int used = buffer.getU16(XattrBlockLayout.USED_BYTES);
        int head = XattrEntryLayout.headBytes(name.length);
        boolean inline =
                value.length <= MAX_INLINE_BYTES
                        && used + head + (value.length + 7 & ~7) <= XattrBlockLayout.SIZE_BYTES;
        long[] extents = inline ? new long[0] : writeExternal(tx, inode, value);
        int body = inline ? value.length : extents.length * Long.BYTES;
        int end = used + head + (body + 7 & ~7);
        if (end > XattrBlockLayout.SIZE_BYTES) {
            throw new FsException(Errno.ENOSPC, "attributes of " + inode + " fill their block");
        }
        tx.zero(buffer, used, end - used);
        tx.putInt(buffer, used + XattrEntryLayout.VALUE_LENGTH, value.length);
        tx.putByte(buffer, used + XattrEntryLayout.NAME_LENGTH, name.length);
        tx.putByte(buffer, used + XattrEntryLayout.EXTENT_COUNT, extents.length);
        tx.putBytes(buffer, used + XattrEntryLayout.NAME, name, 0, name.length);
        if (inline) {
            tx.putBytes(buffer, used + head, value, 0, value.length);
        } else {
            CRC32C crc = new CRC32C();
            crc.update(value);
            tx.putInt(buffer, used + XattrEntryLayout.VALUE_CHECKSUM, (int) crc.getValue());
            for (int i = 0; i < extents.length; i++) {
                tx.putLong(buffer, used + head + i * Long.BYTES, extents[i]);
            }
        }
        tx.putShort(buffer, XattrBlockLayout.USED_BYTES, end);
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
            region.zero(offset + part, room - part);
            region.flush(offset, room);
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
        MetaBuffer buffer = block(inode);
        int at = find(buffer, name);
        if (at < 0) {
            throw new FsException(Errno.ENODATA, "no such attribute");
        }
        removeEntry(tx, inode, buffer, at);
        if (buffer.getU16(XattrBlockLayout.COUNT) == 0) {
            freeBlock(tx, inode, buffer);
        }
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
            allocator.free(tx, extent);
            inode.addBlocks(tx, -PackedExtent.length(extent));
        }
    }

    private void freeBlock(Transaction tx, Inode inode, MetaBuffer buffer) throws FsException {
        tx.discard(buffer);
        allocator.free(tx, PackedExtent.of(buffer.block(), 1));
        tx.putLong(inode.buffer(), InodeLayout.XATTR_BLOCK, 0);
        inode.addBlocks(tx, -1);
    }

    /** Frees all attributes, of an inode that goes. */
    public void removeAll(Transaction tx, Inode inode) throws FsException {
        MetaBuffer buffer = block(inode);
        if (buffer != null) {
            int used = buffer.getU16(XattrBlockLayout.USED_BYTES);
            for (int at = XattrBlockLayout.ENTRIES; at < used; at += entryBytes(buffer, at)) {
                freeExtents(tx, inode, buffer, at);
            }
            freeBlock(tx, inode, buffer);
        }
    }

    /** Receives the extents that attributes own, the entry block included; for checks. */
    public interface ExtentVisitor {
        void extent(long packedExtent) throws FsException;
    }

    public void visitExtents(Inode inode, ExtentVisitor visitor) throws FsException {
        MetaBuffer buffer = block(inode);
        if (buffer == null) {
            return;
        }
        visitor.extent(PackedExtent.of(buffer.block(), 1));
        int used = buffer.getU16(XattrBlockLayout.USED_BYTES);
        for (int at = XattrBlockLayout.ENTRIES; at < used; at += entryBytes(buffer, at)) {
            int extents = buffer.getU8(at + XattrEntryLayout.EXTENT_COUNT);
            int nameLength = buffer.getU8(at + XattrEntryLayout.NAME_LENGTH);
            for (int i = 0; i < extents; i++) {
                visitor.extent(
                        buffer.getLong(
                                at + XattrEntryLayout.headBytes(nameLength) + i * Long.BYTES));
            }
        }
    }
}
