package io.fusedax.backing.journal;

import io.fusedax.backing.Counter;

/** Why the running transaction is committed. */
public enum CommitCause {
    FSYNC(Counter.JOURNAL_COMMITS_FSYNC),
    /** An explicit request to commit everything. */
    SYNC(Counter.JOURNAL_COMMITS_SYNC),
    /** A write on a descriptor opened O_SYNC or O_DSYNC. */
    OSYNC_WRITE(Counter.JOURNAL_COMMITS_O_SYNC),
    /** The transaction reached the commit interval's age. */
    INTERVAL(Counter.JOURNAL_COMMITS_INTERVAL),
    /** The transaction reached its share of the journal. */
    PRESSURE(Counter.JOURNAL_COMMITS_PRESSURE),
    UNMOUNT(Counter.JOURNAL_COMMITS_UNMOUNT),
    /** A first store through a MAP_SYNC mapping. */
    FAULT(Counter.JOURNAL_COMMITS_FAULT),
    /** Blocks freed by the running transaction are wanted back. */
    NOSPACE(Counter.JOURNAL_COMMITS_NOSPACE);

    private final Counter counter;

    CommitCause(Counter counter) {
        this.counter = counter;
    }

    Counter counter() {
        return counter;
    }
}
