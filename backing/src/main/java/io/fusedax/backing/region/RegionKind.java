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
    MEMFD,
    /** A file on a file system in DAX mode, mapped with MAP_SYNC: as durable as its device. */
    FSDAX,
    /** A device-dax, /dev/daxX.Y: as durable as what is behind it. */
    DEVDAX;

    /** Whether this is the page cache's own memory, which a userfaultfd can write-protect. */
    public boolean isMemory() {
        return this == TMPFS || this == MEMFD;
    }

    /** Whether this is persistent memory that programs reach without the page cache. */
    public boolean isDax() {
        return this == FSDAX || this == DEVDAX;
    }

    /** Whether a host's file system has to find storage for it. */
    boolean hasHostStorage() {
        return this == FILE || this == TMPFS || this == FSDAX;
    }
}
