package io.fusedax.mount;

/** One request thread's end of a {@link Transport}. For that thread only. */
interface RequestChannel extends AutoCloseable {
    /** {@link #receive}: the mount is gone. */
    int GONE = 0;

    /** Prepares for the calling thread, which will be the only one. */
    void begin();

    /**
     * Waits for a request and reads it into the thread's {@link RequestContext}.
     *
     * @return its length, {@link #GONE}, or -errno
     */
    int receive();

    /** Carries out and answers the request that was received last. */
    void serve();

    @Override
    void close();
}
