package io.fusedax.backing.journal;

/** What the journal asks of the allocator, which stands above it. */
public interface JournalClient {
    /** Gives back an extent that a discarded operation had allocated. */
    void undoAllocation(Transaction tx, long packedExtent);

    /** Takes an extent again that a discarded operation had freed. */
    void undoFree(Transaction tx, long packedExtent);

    /** The transaction that freed the extent is durable: its blocks may be used again. */
    void freedDurably(long packedExtent);

    /** Last chance to store counters; no operation is under way. */
    void prepareCommit(Transaction tx);
}
