package io.fusedax.backing.region;

/** Which of the stores that are not surely durable survive a power cut. */
public enum Survivors {
    /** None: the caches are lost. */
    NONE,
    /** All, in order: the process is killed, or the hardware flushes the caches (eADR). */
    ALL,
    /** The last contents of any lines. */
    ANY_LINES,
    /** Any content of any word. */
    ANY_WORDS,
    /** Each line is kept, lost, or torn in words. */
    TORN_LINES,
    /** All but one line. */
    ALL_BUT_ONE_LINE,
    /** One line alone. */
    ONE_LINE
}
