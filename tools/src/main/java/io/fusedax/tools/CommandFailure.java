package io.fusedax.tools;

/** An expected failure of a command: one line for the user and the exit code. */
final class CommandFailure extends Exception {
    private static final long serialVersionUID = 1L;

    private final int exitCode;

    /**
     * @param exitCode what the process is to exit with
     * @param message {@code what: where}
     */
    CommandFailure(int exitCode, String message) {
        this(exitCode, message, null);
    }

    CommandFailure(int exitCode, String message, Throwable cause) {
        super(message, cause);
        this.exitCode = exitCode;
    }

    int exitCode() {
        return exitCode;
    }
}
