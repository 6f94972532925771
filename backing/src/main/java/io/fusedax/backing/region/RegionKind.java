package io.fusedax.backing.region;

/** What a region lies on. */
public enum RegionKind {
    /** A plain file on a disk file system, often sparse: survives a reboot. */
    FILE,
    /** A file on tmpfs: survives the daemon, not the machine. */
    TMPFS,
    /**
     * Anonymous memory with a descriptor (memfd_create): lives as long as someone holds it open.
     */
    MEMFD
}
