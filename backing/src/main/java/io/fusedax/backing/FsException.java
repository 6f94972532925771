package io.fusedax.backing;

import java.util.Objects;
import jnr.constants.platform.Errno;

/**
 * An expected failure of a file system call, with the errno the caller is to see.
 *
 * <p>No such name, no space, not permitted: part of normal work, so it is checked and carries no
 * stack trace (looking up a missing name must stay cheap). A broken invariant is never one of
 * these: it is an unchecked exception.
 */
public final class FsException extends Exception {
    private static final long serialVersionUID = 1L;

    private final Errno errno;

    /**
     * @param errno what the caller is to see
     * @param message what went wrong, for a log line: names and numbers
     */
    public FsException(Errno errno, String message) {
        this(errno, message, null);
    }

    /**
     * @param errno what the caller is to see
     * @param message what went wrong, for a log line: names and numbers
     * @param cause the error underneath, or null
     */
    public FsException(Errno errno, String message, Throwable cause) {
        super(message, cause, false, false);
        this.errno = Objects.requireNonNull(errno, "errno");
    }

    /** The errno the caller is to see; never null. */
    public Errno errno() {
        return errno;
    }

    /** {@code FsException: ENOENT: name=foo}. */
    @Override
    // getMessage stays without the errno: callers word it their way
    @SuppressWarnings("OverrideThrowableToString")
    public String toString() {
        return "FsException: " + errno.name() + ": " + getMessage();
    }
}
