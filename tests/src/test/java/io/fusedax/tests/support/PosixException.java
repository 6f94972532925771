package io.fusedax.tests.support;

import jnr.constants.platform.Errno;

/** A call that failed, with its errno. Unchecked: tests pass calls around as lambdas. */
public final class PosixException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final transient Errno errno;

    PosixException(String call, Errno errno) {
        super(call + ": " + errno);
        this.errno = errno;
    }

    public Errno errno() {
        return errno;
    }
}
