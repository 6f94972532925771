package io.fusedax.backing.region;

/**
 * How the stores to a mapped region become durable. Ranges are checked by the caller. Safe for any
 * thread.
 */
interface Persistence {
    /** As {@link Region#flush}. */
    void flush(long offset, long lengthBytes);

    /** As {@link Region#drain}. */
    void drain();

    /** As {@link Region#flushMechanism}. */
    FlushMechanism mechanism();
}
