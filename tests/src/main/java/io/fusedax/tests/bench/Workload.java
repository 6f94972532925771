package io.fusedax.tests.bench;

/** One operation on one peer, repeated. Not thread-safe. */
interface Workload extends AutoCloseable {
    /** Does the operation this often; only this is timed. */
    void run(int calls);

    /** Undoes growth between two timed runs. */
    default void reset() {}

    @Override
    default void close() {}
}
