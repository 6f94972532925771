package io.fusedax.backing.journal;

import io.fusedax.backing.Counter;
import io.fusedax.backing.Counters;
import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.Checksums;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.region.MediaErrorException;
import io.fusedax.backing.region.Region;
import jnr.constants.platform.Errno;
import org.jctools.maps.NonBlockingHashMapLong;

/**
 * Metadata structures in memory, verified when loaded, bounded by a clock.
 *
 * <p>A buffer that the running or the committing transaction changed stays; every other may be
 * dropped at any time, since the media holds the same. Two threads may then hold two equal copies
 * of an unchanged structure, which is harmless: whoever changes one holds the owner's lock alone,
 * and {@link #dirty} makes that copy the cached one.
 */
public final class MetadataCache {
    private final Region region;
    private final Geometry geometry;
    private final Checksums checksums;
    private final Counters counters;
    private final NonBlockingHashMapLong<MetaBuffer> byAddress;

    private final Clock<MetaBuffer> clock;
    private volatile long durableTid;

    /**
     * @param capacity buffers to keep, at least 64
     */
    MetadataCache(Region region, Geometry geometry, int capacity, Counters counters) {
        this.region = region;
        this.geometry = geometry;
        this.checksums = new Checksums(geometry.uuid());
        this.counters = counters;
        this.byAddress = new NonBlockingHashMapLong<>(Math.min(capacity, 1 << 16), false);
        this.clock = new Clock<>(Math.max(capacity, 64), this::tryEvict);
    }

    public Checksums checksums() {
        return checksums;
    }

    public Region region() {
        return region;
    }

    public Geometry geometry() {
        return geometry;
    }

    /**
     * The structure in the given block, from memory or verified from the media.
     *
     * @param block a data block that holds the structure, in units of 4 KiB
     * @param ownerInode number that the structure must carry as owner at byte 8
     * @throws FsException EUCLEAN when it is not there, naming structure and offset
     */
    public MetaBuffer load(StructureType type, long block, long ownerInode) throws FsException {
        if (!geometry.isDataBlock(block)) {
            throw new FsException(
                    Errno.EUCLEAN,
                    type.title()
                            + " of inode "
                            + ownerInode
                            + " at block "
                            + Long.toUnsignedString(block)
                            + ": outside the data area");
        }
        MetaBuffer buffer = byAddress.get(block << Geometry.BLOCK_SHIFT);
        if (buffer == null) {
            buffer = loadFromMedia(type, block << Geometry.BLOCK_SHIFT);
        } else {
            counters.increment(Counter.METADATA_CACHE_HITS);
            buffer.referenced = true;
        }
        if (buffer.type() != type || buffer.getLong(8) != ownerInode) {
            throw corrupt(
                    type,
                    buffer.address(),
                    "is a "
                            + buffer.type().title()
                            + " of inode "
                            + buffer.getLong(8)
                            + ", expected inode "
                            + ownerInode);
        }
        return buffer;
    }

    /** A fixed structure that has no owner: the caller knows the address. */
    public MetaBuffer loadFixed(StructureType type, long address) throws FsException {
        MetaBuffer buffer = byAddress.get(address);
        if (buffer != null) {
            counters.increment(Counter.METADATA_CACHE_HITS);
            buffer.referenced = true;
            return buffer;
        }
        return loadFromMedia(type, address);
    }

    /**
     * A verified structure that the cache does not keep: its owner does, and asks {@link
     * #isEvictable} before it forgets it.
     */
    public MetaBuffer loadUncached(StructureType type, long address) throws FsException {
        MetaBuffer buffer = new MetaBuffer(type, address);
        readVerified(buffer);
        return buffer;
    }

    /** As {@link #loadUncached} for a structure that is about to be initialized. */
    public MetaBuffer createUncached(StructureType type, long address) {
        MetaBuffer buffer = new MetaBuffer(type, address);
        Bytes.putInt(buffer.bytes, StructureType.MAGIC_OFFSET, type.magic());
        return buffer;
    }

    /** Whether the media holds what the buffer does, so that it may be forgotten. */
    public boolean isEvictable(MetaBuffer buffer) {
        return buffer.dirtyTid <= durableTid;
    }

    private void readVerified(MetaBuffer buffer) throws FsException {
        counters.increment(Counter.METADATA_CACHE_MISSES);
        try {
            region.read(buffer.address(), buffer.bytes, 0, buffer.bytes.length);
        } catch (MediaErrorException e) {
            throw new MediaErrorException(
                    buffer.type().title() + " at offset " + buffer.address(), e);
        }
        String problem = checksums.problem(buffer.type(), buffer.address(), buffer.bytes);
        if (problem != null) {
            region.checkStorage(); // or there was nothing to read
            throw corrupt(buffer.type(), buffer.address(), problem);
        }
    }

    private MetaBuffer loadFromMedia(StructureType type, long address) throws FsException {
        MetaBuffer buffer = new MetaBuffer(type, address);
        readVerified(buffer);
        MetaBuffer other = byAddress.putIfAbsent(address, buffer);
        if (other != null) {
            return other;
        }
        clock.add(buffer);
        return buffer;
    }

    /** The error every reader of a broken structure throws. */
    public static FsException corrupt(StructureType type, long address, String problem) {
        return new FsException(
                Errno.EUCLEAN, type.title() + " at offset " + address + ": " + problem);
    }

    MetaBuffer create(StructureType type, long address) {
        MetaBuffer buffer = new MetaBuffer(type, address);
        byAddress.put(address, buffer);
        clock.add(buffer);
        return buffer;
    }

    /** First change of a buffer in this transaction: from now on it may not be dropped. */
    void dirty(MetaBuffer buffer, RunningTransaction running) {
        boolean returned;
        synchronized (buffer) {
            if (buffer.dirtyTid == running.tid) {
                return;
            }
            buffer.dirtyTid = running.tid;
            returned = buffer.evicted;
            buffer.evicted = false;
        }
        if (returned) {
            byAddress.put(buffer.address(), buffer);
            clock.add(buffer);
        }
        running.addDirty(buffer);
    }

    void remove(MetaBuffer buffer) {
        byAddress.remove(buffer.address(), buffer);
    }

    /** All transactions up to this one are durable and written home. */
    void setDurable(long tid) {
        durableTid = tid;
    }

    private boolean tryEvict(MetaBuffer candidate) {
        if (candidate.discarded) {
            return true;
        }
        if (candidate.referenced) {
            candidate.referenced = false;
            return false;
        }
        synchronized (candidate) {
            if (!isEvictable(candidate)) {
                return false;
            }
            candidate.evicted = true;
            byAddress.remove(candidate.address(), candidate);
            counters.increment(Counter.METADATA_CACHE_EVICTIONS);
            return true;
        }
    }
}
