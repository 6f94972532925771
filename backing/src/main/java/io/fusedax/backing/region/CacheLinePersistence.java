package io.fusedax.backing.region;

import java.lang.invoke.VarHandle;

/**
 * For persistent memory that is mapped without the page cache: cache lines are written back, and no
 * call into the kernel is made.
 *
 * <p>A fence waits for the write-backs of its own processor only, and a region's drain may be
 * another thread's: so each flush has its fence, and is durable when it returns.
 */
final class CacheLinePersistence implements Persistence {
    private final CacheWriteBack lines;
    private final long address;

    /**
     * @param address where the region is mapped
     */
    CacheLinePersistence(CacheWriteBack lines, long address) {
        this.lines = lines;
        this.address = address;
    }

    @Override
    public void flush(long offset, long lengthBytes) {
        lines.persist(address + offset, lengthBytes);
    }

    @Override
    public void drain() {
        VarHandle.fullFence(); // what was flushed is durable: nothing later may seem to be earlier
    }

    @Override
    public FlushMechanism mechanism() {
        return lines.mechanism();
    }
}
