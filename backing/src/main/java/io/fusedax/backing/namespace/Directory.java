package io.fusedax.backing.namespace;

import io.fusedax.backing.FsException;
import io.fusedax.backing.alloc.ExtentAllocator;
import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.DentryLayout;
import io.fusedax.backing.format.DirectoryLeafLayout;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.PackedExtent;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.inode.Inode;
import io.fusedax.backing.inode.RecordTree;
import io.fusedax.backing.inode.TreeRecord;
import io.fusedax.backing.journal.MetaBuffer;
import io.fusedax.backing.journal.MetadataCache;
import io.fusedax.backing.journal.Transaction;
import java.util.Arrays;
import jnr.constants.platform.Errno;

/**
 * Names of a directory: leaves of dentries, found by the hash of the name through the directory
 * inode's record tree. Cost of a look-up follows the tree's height, not the number of names.
 *
 * <p>Invariants: a dentry's key is its hash of 58 bits and an ordinal of 4, unique in the
 * directory, and never changes, so it serves as position for readdir. A leaf holds the keys from
 * its own in the tree up to the next leaf's; the first leaf's is 0. A leaf with no live dentry is
 * freed. The directory's lock is held, exclusively for changes.
 */
public final class Directory {
    /** Keys below this are free for "." and "..". */
    public static final long FIRST_KEY = 16;

    private static final int ORDINAL_BITS = 4;
    private static final long ORDINAL_MASK = (1L << ORDINAL_BITS) - 1;
    private static final long HASH_MASK = (1L << 58) - 1;
    private static final int MAX_NAME_BYTES = 255;

    private final MetadataCache cache;
    private final ExtentAllocator allocator;
    private final RecordTree tree;
    private final NameHash hash;

    public Directory(MetadataCache cache, ExtentAllocator allocator, RecordTree tree) {
        this.cache = cache;
        this.allocator = allocator;
        this.tree = tree;
        Geometry geometry = cache.geometry();
        this.hash = new NameHash(geometry.hashSeedLow(), geometry.hashSeedHigh());
    }

    /** The lowest key a name can have. */
    public long firstKeyOf(byte[] name, int offset, int length) {
        long bits = hash.of(name, offset, length) & HASH_MASK;
        return Math.max(bits, 1) << ORDINAL_BITS;
    }

    /**
     * Looks a name up.
     *
     * @return false when it is not there
     */
    public boolean find(Inode directory, byte[] name, int offset, int length, Dentry out)
            throws FsException {
        long firstKey = firstKeyOf(name, offset, length);
        TreeRecord leafRecord = new TreeRecord();
        boolean more = leafFor(directory, firstKey, leafRecord);
        while (more) {
            MetaBuffer leaf = leaf(directory, leafRecord.value);
            int entry = findIn(leaf, firstKey, name, offset, length);
            if (entry >= 0) {
                out.key = leaf.getLong(entry + DentryLayout.KEY);
                out.inode = leaf.getLong(entry + DentryLayout.INODE);
                out.type = leaf.getU8(entry + DentryLayout.TYPE);
                return true;
            }
            // equal hashes may go on in the next leaf
            more =
                    tree.ceiling(directory, leafRecord.key + 1, leafRecord)
                            && leafRecord.key <= (firstKey | ORDINAL_MASK);
        }
        return false;
    }

    /** The leaf whose range holds the key; false when the directory is empty. */
    private boolean leafFor(Inode directory, long key, TreeRecord out) throws FsException {
        return tree.floor(directory, key, out);
    }

    private MetaBuffer leaf(Inode directory, long block) throws FsException {
        MetaBuffer leaf = cache.load(StructureType.DIRECTORY_LEAF, block, directory.number());
        int used = leaf.getU16(DirectoryLeafLayout.USED_BYTES);
        if (used < DirectoryLeafLayout.ENTRIES
                || used > DirectoryLeafLayout.SIZE_BYTES
                || used % Long.BYTES != 0) {
            throw MetadataCache.corrupt(leaf.type(), leaf.address(), "used_bytes " + used);
        }
        return leaf;
    }

    /** Whether a dentry starts at this byte; none does at {@code used}, the end of the last. */
    private static boolean hasEntry(MetaBuffer leaf, int at, int used) throws FsException {
        if (at == used) {
            return false;
        }
        int nameLength =
                at + DentryLayout.NAME < used ? leaf.getU8(at + DentryLayout.NAME_LENGTH) : 0;
        if (nameLength == 0 || at + DentryLayout.sizeBytes(nameLength) > used) {
            throw MetadataCache.corrupt(leaf.type(), leaf.address(), "dentry at byte " + at);
        }
        return true;
    }

    private static int nextEntry(MetaBuffer leaf, int entry) {
        return entry + DentryLayout.sizeBytes(leaf.getU8(entry + DentryLayout.NAME_LENGTH));
    }

    private static int findIn(MetaBuffer leaf, long firstKey, byte[] name, int offset, int length)
            throws FsException {
        int used = leaf.getU16(DirectoryLeafLayout.USED_BYTES);
        for (int at = DirectoryLeafLayout.ENTRIES;
                hasEntry(leaf, at, used);
                at = nextEntry(leaf, at)) {
            if ((leaf.getLong(at + DentryLayout.KEY) & ~ORDINAL_MASK) == firstKey
                    && leaf.getLong(at + DentryLayout.INODE) != 0
                    && leaf.getU8(at + DentryLayout.NAME_LENGTH) == length
                    && leaf.regionMatches(at + DentryLayout.NAME, name, offset, length)) {
                return at;
            }
        }
        return -1;
    }

    /** Offset of the live dentry with exactly this key, or -1. */
    private static int findKey(MetaBuffer leaf, long key) throws FsException {
        int used = leaf.getU16(DirectoryLeafLayout.USED_BYTES);
        for (int at = DirectoryLeafLayout.ENTRIES;
                hasEntry(leaf, at, used);
                at = nextEntry(leaf, at)) {
            if (leaf.getLong(at + DentryLayout.KEY) == key
                    && leaf.getLong(at + DentryLayout.INODE) != 0) {
                return at;
            }
        }
        return -1;
    }

    /**
     * Adds a name that is not there.
     *
     * @param type DT_* of the inode
     * @throws FsException ENAMETOOLONG; ENOSPC when a leaf is needed and no block is free
     */
    public void insert(
            Transaction tx,
            Inode directory,
            byte[] name,
            int offset,
            int length,
            long inodeNumber,
            int type)
            throws FsException {
        if (length > MAX_NAME_BYTES) {
            throw new FsException(Errno.ENAMETOOLONG, "name_bytes=" + length);
        }
        long key = unusedKey(directory, firstKeyOf(name, offset, length));
        int size = DentryLayout.sizeBytes(length);
        TreeRecord leafRecord = new TreeRecord();
        MetaBuffer leaf;
        if (leafFor(directory, key, leafRecord)) {
            leaf = leafWithRoom(tx, directory, leafRecord, key, size);
        } else {
            leaf = newLeaf(tx, directory, 0);
            tree.insert(tx, directory, 0, leaf.block());
        }
        append(tx, leaf, key, inodeNumber, type, name, offset, length);
        inodeChanged(tx, directory);
    }

    private static void inodeChanged(Transaction tx, Inode directory) {
        directory.noteDataChange(tx);
    }

    private long unusedKey(Inode directory, long firstKey) throws FsException {
        TreeRecord leafRecord = new TreeRecord();
        for (long key = firstKey; key <= (firstKey | ORDINAL_MASK); key++) {
            if (!leafFor(directory, key, leafRecord)
                    || findKey(leaf(directory, leafRecord.value), key) < 0) {
                return key;
            }
        }
        throw new FsException(Errno.ENOSPC, "16 names with one hash in " + directory);
    }

    private MetaBuffer leafWithRoom(
            Transaction tx, Inode directory, TreeRecord leafRecord, long key, int size)
            throws FsException {
        MetaBuffer leaf = leaf(directory, leafRecord.value);
        while (true) {
            if (leaf.getU16(DirectoryLeafLayout.USED_BYTES) + size
                    <= DirectoryLeafLayout.SIZE_BYTES) {
                return leaf;
            }
            int live = leaf.getU16(DirectoryLeafLayout.LIVE_BYTES);
            int room = DirectoryLeafLayout.SIZE_BYTES - DirectoryLeafLayout.ENTRIES;
            if (live + size <= room - room / 8) {
                compact(tx, leaf);
            } else {
                leaf = split(tx, directory, leaf, key);
            }
        }
    }

    /**
     * Rewrites the leaf without its dead dentries.
     *
     * @throws FsException EUCLEAN when that does not give the room that live_bytes promises
     */
    private static void compact(Transaction tx, MetaBuffer leaf) throws FsException {
        byte[] old = leaf.readOnlyBytes().clone();
        int used = leaf.getU16(DirectoryLeafLayout.USED_BYTES);
        int live = leaf.getU16(DirectoryLeafLayout.LIVE_BYTES);
        int end = DirectoryLeafLayout.ENTRIES;
        int next;
        for (int at = DirectoryLeafLayout.ENTRIES; at < used; at = next) {
            next = at + DentryLayout.sizeBytes(old[at + DentryLayout.NAME_LENGTH] & 0xFF);
            if (Bytes.getLong(old, at + DentryLayout.INODE) != 0) {
                tx.putBytes(leaf, end, old, at, next - at);
                end += next - at;
            }
        }
        if (end - DirectoryLeafLayout.ENTRIES != live) {
            throw MetadataCache.corrupt(leaf.type(), leaf.address(), "live_bytes " + live);
        }
        tx.putShort(leaf, DirectoryLeafLayout.USED_BYTES, end);
    }

    /**
     * Moves the upper half of a leaf's keys to a new leaf.
     *
     * @return the one of both that the key belongs to
     */
    private MetaBuffer split(Transaction tx, Inode directory, MetaBuffer leaf, long key)
            throws FsException {
        long[] keys = liveKeys(leaf);
        if (keys.length < 2) {
            throw MetadataCache.corrupt(leaf.type(), leaf.address(), "full with one dentry");
        }
        long middle = keys[keys.length / 2];
        if (middle == keys[0]) {
            throw MetadataCache.corrupt(leaf.type(), leaf.address(), "key " + middle + " twice");
        }
        MetaBuffer sibling = newLeaf(tx, directory, leaf.block());
        int used = leaf.getU16(DirectoryLeafLayout.USED_BYTES);
        for (int at = DirectoryLeafLayout.ENTRIES;
                hasEntry(leaf, at, used);
                at = nextEntry(leaf, at)) {
            if (leaf.getLong(at + DentryLayout.INODE) != 0
                    && leaf.getLong(at + DentryLayout.KEY) >= middle) {
                moveEntry(tx, leaf, at, sibling);
            }
        }
        compact(tx, leaf);
        tree.insert(tx, directory, middle, sibling.block());
        return key >= middle ? sibling : leaf;
    }

    private static void moveEntry(Transaction tx, MetaBuffer from, int at, MetaBuffer to) {
        int size = DentryLayout.sizeBytes(from.getU8(at + DentryLayout.NAME_LENGTH));
        int end = to.getU16(DirectoryLeafLayout.USED_BYTES);
        tx.copy(from, at, to, end, size);
        tx.putShort(to, DirectoryLeafLayout.USED_BYTES, end + size);
        countLive(tx, to, size, 1);
        tx.putLong(from, at + DentryLayout.INODE, 0);
        countLive(tx, from, -size, -1);
    }

    private static void countLive(Transaction tx, MetaBuffer leaf, int bytes, int entries) {
        tx.putShort(
                leaf,
                DirectoryLeafLayout.LIVE_BYTES,
                leaf.getU16(DirectoryLeafLayout.LIVE_BYTES) + bytes);
        tx.putShort(
                leaf,
                DirectoryLeafLayout.LIVE_COUNT,
                leaf.getU16(DirectoryLeafLayout.LIVE_COUNT) + entries);
    }

    private static boolean hasLiveEntry(MetaBuffer leaf) throws FsException {
        int used = leaf.getU16(DirectoryLeafLayout.USED_BYTES);
        for (int at = DirectoryLeafLayout.ENTRIES;
                hasEntry(leaf, at, used);
                at = nextEntry(leaf, at)) {
            if (leaf.getLong(at + DentryLayout.INODE) != 0) {
                return true;
            }
        }
        return false;
    }

    private static long[] liveKeys(MetaBuffer leaf) throws FsException {
        long[] keys = new long[DirectoryLeafLayout.SIZE_BYTES / DentryLayout.sizeBytes(1)];
        int count = 0;
        int used = leaf.getU16(DirectoryLeafLayout.USED_BYTES);
        for (int at = DirectoryLeafLayout.ENTRIES;
                hasEntry(leaf, at, used);
                at = nextEntry(leaf, at)) {
            if (leaf.getLong(at + DentryLayout.INODE) != 0) {
                keys[count++] = leaf.getLong(at + DentryLayout.KEY);
            }
        }
        keys = Arrays.copyOf(keys, count);
        Arrays.sort(keys);
        return keys;
    }

    private MetaBuffer newLeaf(Transaction tx, Inode directory, long nearBlock) throws FsException {
        long goal = nearBlock == 0 ? 0 : nearBlock + 1;
        long block = PackedExtent.start(allocator.allocate(tx, goal, 1));
        MetaBuffer leaf = tx.create(StructureType.DIRECTORY_LEAF, block << Geometry.BLOCK_SHIFT);
        tx.putLong(leaf, DirectoryLeafLayout.OWNER_INODE, directory.number());
        tx.putShort(leaf, DirectoryLeafLayout.USED_BYTES, DirectoryLeafLayout.ENTRIES);
        addSpace(tx, directory, 1);
        return leaf;
    }

    /** A directory's size is the space of its leaves. */
    private static void addSpace(Transaction tx, Inode directory, int leaves) {
        tx.putLong(
                directory.buffer(),
                InodeLayout.FILE_SIZE,
                directory.sizeBytes() + (long) leaves * DirectoryLeafLayout.SIZE_BYTES);
        tx.putLong(
                directory.buffer(),
                InodeLayout.BLOCK_COUNT,
                directory.buffer().getLong(InodeLayout.BLOCK_COUNT) + leaves);
    }

    private static void append(
            Transaction tx,
            MetaBuffer leaf,
            long key,
            long inodeNumber,
            int type,
            byte[] name,
            int offset,
            int length) {
        int at = leaf.getU16(DirectoryLeafLayout.USED_BYTES);
        int size = DentryLayout.sizeBytes(length);
        tx.zero(leaf, at, size);
        tx.putLong(leaf, at + DentryLayout.KEY, key);
        tx.putLong(leaf, at + DentryLayout.INODE, inodeNumber);
        tx.putByte(leaf, at + DentryLayout.NAME_LENGTH, length);
        tx.putByte(leaf, at + DentryLayout.TYPE, type);
        tx.putBytes(leaf, at + DentryLayout.NAME, name, offset, length);
        tx.putShort(leaf, DirectoryLeafLayout.USED_BYTES, at + size);
        countLive(tx, leaf, size, 1);
    }

    /** Removes what {@link #find} found. */
    public void remove(Transaction tx, Inode directory, Dentry found) throws FsException {
        TreeRecord leafRecord = new TreeRecord();
        MetaBuffer leaf = leafOf(directory, found, leafRecord);
        int at = findKey(leaf, found.key);
        int size = DentryLayout.sizeBytes(leaf.getU8(at + DentryLayout.NAME_LENGTH));
        tx.putLong(leaf, at + DentryLayout.INODE, 0);
        countLive(tx, leaf, -size, -1);
        if (at + size == leaf.getU16(DirectoryLeafLayout.USED_BYTES)) {
            tx.putShort(leaf, DirectoryLeafLayout.USED_BYTES, at);
        }
        if (leaf.getU16(DirectoryLeafLayout.LIVE_COUNT) == 0) {
            if (hasLiveEntry(leaf)) {
                throw MetadataCache.corrupt(leaf.type(), leaf.address(), "live_count too low");
            }
            freeLeaf(tx, directory, leafRecord.key, leaf);
        }
        inodeChanged(tx, directory);
    }

    /** The leaf that holds what {@link #find} found; the directory was locked since. */
    private MetaBuffer leafOf(Inode directory, Dentry found, TreeRecord leafRecord)
            throws FsException {
        if (leafFor(directory, found.key, leafRecord)) {
            MetaBuffer leaf = leaf(directory, leafRecord.value);
            if (findKey(leaf, found.key) >= 0) {
                return leaf;
            }
        }
        throw MetadataCache.corrupt(
                StructureType.INODE,
                directory.buffer().address(),
                "dentry with key " + found.key + " in a leaf of other keys");
    }

    /** The leaf before takes over its range; the second leaf if it was the first. */
    private void freeLeaf(Transaction tx, Inode directory, long leafKey, MetaBuffer leaf)
            throws FsException {
        tree.remove(tx, directory, leafKey);
        TreeRecord second = new TreeRecord();
        if (leafKey == 0 && tree.ceiling(directory, 0, second)) {
            tree.remove(tx, directory, second.key);
            tree.insert(tx, directory, 0, second.value);
        }
        tx.discard(leaf);
        allocator.free(tx, PackedExtent.of(leaf.block(), 1));
        addSpace(tx, directory, -1);
    }

    /** Points what {@link #find} found to another inode. */
    public void replace(Transaction tx, Inode directory, Dentry found, long inodeNumber, int type)
            throws FsException {
        MetaBuffer leaf = leafOf(directory, found, new TreeRecord());
        int at = findKey(leaf, found.key);
        tx.putLong(leaf, at + DentryLayout.INODE, inodeNumber);
        tx.putByte(leaf, at + DentryLayout.TYPE, type);
        inodeChanged(tx, directory);
    }

    /** Whether there is no name. */
    public boolean isEmpty(Inode directory) throws FsException {
        return !tree.ceiling(directory, 0, new TreeRecord());
    }

    /** Receives dentries in key order. */
    public interface Visitor {
        /**
         * @return false to stop before this one
         */
        boolean dentry(
                byte[] bytes, int nameOffset, int nameLength, long inode, int type, long key);
    }

    /** Visits the dentries with keys above {@code afterKey}. */
    public void visit(Inode directory, long afterKey, Visitor visitor) throws FsException {
        TreeRecord leafRecord = new TreeRecord();
        boolean more = leafFor(directory, afterKey, leafRecord);
        while (more) {
            if (!visitLeaf(leaf(directory, leafRecord.value), afterKey, visitor)) {
                return;
            }
            more = tree.ceiling(directory, leafRecord.key + 1, leafRecord);
        }
    }

    private static boolean visitLeaf(MetaBuffer leaf, long afterKey, Visitor visitor)
            throws FsException {
        long[] keys = liveKeys(leaf);
        for (long key : keys) {
            if (key > afterKey) {
                int at = findKey(leaf, key);
                boolean goOn =
                        visitor.dentry(
                                leaf.readOnlyBytes(),
                                at + DentryLayout.NAME,
                                leaf.getU8(at + DentryLayout.NAME_LENGTH),
                                leaf.getLong(at + DentryLayout.INODE),
                                leaf.getU8(at + DentryLayout.TYPE),
                                key);
                if (!goOn) {
                    return false;
                }
            }
        }
        return true;
    }
}
