package io.fusedax.backing.region;

import io.fusedax.backing.FsException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Copy on write for a mapping whose device allows no private one: before the first store to a unit
 * of it, private memory with the unit's content takes its place. Loads see the one or the other,
 * which are the same.
 */
final class PrivateUnits {
    private final String name;
    private final Mapping mapping;
    private final long sizeBytes;
    private final int shift;
    private final AtomicLongArray copied;
    private final ReentrantLock lock = new ReentrantLock();

    /**
     * @param unitBytes a power of two, and a multiple of the device's alignment
     */
    PrivateUnits(String name, Mapping mapping, long sizeBytes, long unitBytes) {
        this.name = name;
        this.mapping = mapping;
        this.sizeBytes = sizeBytes;
        this.shift = Long.numberOfTrailingZeros(unitBytes);
        this.copied = new AtomicLongArray((int) (sizeBytes - 1 >>> shift + 6) + 1);
    }

    /** A range is about to be stored into. */
    void make(long offset, long lengthBytes) {
        if (lengthBytes == 0) {
            return;
        }
        for (long unit = offset >>> shift; unit <= offset + lengthBytes - 1 >>> shift; unit++) {
            if (!isCopied(unit)) {
                copy(unit);
            }
        }
    }

    private boolean isCopied(long unit) {
        return (copied.get((int) (unit >>> 6)) >>> unit & 1) != 0;
    }

    private void copy(long unit) {
        lock.lock();
        try {
            if (!isCopied(unit)) {
                long start = unit << shift;
                mapping.makePrivate(name, start, Math.min(1L << shift, sizeBytes - start));
                copied.set((int) (unit >>> 6), copied.get((int) (unit >>> 6)) | 1L << unit);
            }
        } catch (FsException e) {
            throw new UncheckedIOException(new IOException(e.getMessage(), e));
        } finally {
            lock.unlock();
        }
    }
}
