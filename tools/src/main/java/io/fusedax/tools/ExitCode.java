package io.fusedax.tools;

/** Exit codes of every command but fsck, which has those of fsck(8). */
final class ExitCode {
    /** Done, nothing wrong. */
    static final int OK = 0;

    /** A problem was found, or the command failed. */
    static final int PROBLEM = 1;

    /** The command line is wrong; nothing was opened. */
    static final int USAGE = 2;

    /** fsck: problems were found and corrected. */
    static final int FSCK_CORRECTED = 1;

    /** fsck: problems were found and left. */
    static final int FSCK_UNCORRECTED = 4;

    /** fsck: the volume could not be checked. */
    static final int FSCK_OPERATIONAL = 8;

    /** fsck: the command line is wrong. */
    static final int FSCK_USAGE = 16;

    private ExitCode() {}
}
