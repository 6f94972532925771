package io.fusedax.backing.journal;

import io.fusedax.backing.format.RecordLayout;
import java.util.ArrayList;
import java.util.List;

/** Everything that the next commit will make durable; operations join it as they finish. */
final class RunningTransaction {
    /** Log bytes that one dirty line may cost: itself and a record head of its own. */
    static final int LOG_BYTES_PER_LINE = MetaBuffer.LINE_BYTES + 16;

    final long tid;
    private final List<MetaBuffer> dirty = new ArrayList<>();
    private final LongList freedExtents = new LongList();
    private final LongList revokedAddresses = new LongList();

    private volatile long estimatedBytes;
    private volatile long startedNanos;

    RunningTransaction(long tid) {
        this.tid = tid;
    }

    synchronized void addDirty(MetaBuffer buffer) {
        if (dirty.isEmpty()) {
            startedNanos = System.nanoTime();
        }
        dirty.add(buffer);
    }

    /** Takes over what a finished operation did. */
    synchronized void join(LongList freed, LongList revoked, int dirtiedLines) {
        freedExtents.addAll(freed);
        revokedAddresses.addAll(revoked);
        estimatedBytes +=
                (long) dirtiedLines * LOG_BYTES_PER_LINE
                        + (long) revoked.size() * RecordLayout.SIZE_BYTES;
    }

    /** Upper bound of what the changes so far take in the log. */
    long estimatedBytes() {
        return estimatedBytes;
    }

    synchronized boolean isEmpty() {
        return dirty.isEmpty();
    }

    /** System.nanoTime() of the first change; meaningless while empty. */
    long startedNanos() {
        return startedNanos;
    }

    List<MetaBuffer> dirty() {
        return dirty;
    }

    LongList freedExtents() {
        return freedExtents;
    }

    LongList revokedAddresses() {
        return revokedAddresses;
    }
}
