package io.fusedax.backing.region;

/** How {@link Region#flush} and {@link Region#drain} make stores durable. */
public enum PersistMode {
    /** Decided by the kind: MSYNC for plain files, CPU for everything else. */
    AUTO,
    /**
     * By msync(2) or fdatasync(2): stores survive the machine losing power, as far as the disk
     * does.
     */
    MSYNC,
    /**
     * Without system calls. On persistent memory cache lines are written back, unless its caches
     * are persistent, too; elsewhere processor order alone has to do: stores survive the daemon's
     * death.
     */
    CPU
}
