package io.fusedax.mount;

import io.fusedax.backing.Counter;
import java.util.Collections;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLongArray;

/** What direct mappings of one file did. */
final class FaultCounts {
    private static final Counter FIRST = Counter.READ_FAULTS;
    private static final Counter LAST = Counter.REVOCATION_TIMEOUTS;

    /** The counters that there are for each file; they follow each other. */
    static final Set<Counter> COUNTERS = Collections.unmodifiableSet(EnumSet.range(FIRST, LAST));

    /** Of the inode: its number may come again. */
    final int inodeGeneration;

    private final AtomicLongArray values =
            new AtomicLongArray(LAST.ordinal() - FIRST.ordinal() + 1);

    FaultCounts(int inodeGeneration) {
        this.inodeGeneration = inodeGeneration;
    }

    void increment(Counter counter) {
        values.incrementAndGet(counter.ordinal() - FIRST.ordinal());
    }

    long get(Counter counter) {
        return values.get(counter.ordinal() - FIRST.ordinal());
    }
}
