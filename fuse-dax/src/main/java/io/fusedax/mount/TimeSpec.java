package io.fusedax.mount;

/** Special nanosecond values of utimensat(2). */
final class TimeSpec {
    /** The current time. */
    static final long NOW = (1L << 30) - 1;

    /** Leave this time as it is. */
    static final long OMIT = (1L << 30) - 2;

    private TimeSpec() {}
}
