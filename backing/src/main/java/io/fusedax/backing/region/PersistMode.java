package io.fusedax.backing.region;

/** How {@link Region#flush} and {@link Region#drain} make stores durable. */
public enum PersistMode {
    /** Decided by the kind: MSYNC for plain files, CPU for tmpfs and memfd. */
    AUTO,
    /**
     * By msync(2) or fdatasync(2): stores survive the machine losing power, as far as the disk
     * does.
     */
    MSYNC,
    /**
     * By processor order alone: stores survive the daemon's death, as on real persistent memory. No
     * system calls.
     */
    CPU
}
