package io.fusedax.mount;

import io.fusedax.backing.region.RegionKind;

/** How programs map DAX files directly: the option {@code direct}. */
public enum DirectMechanism {
    /** By userfaultfd where the region allows. */
    AUTO,
    /** By protection and SIGSEGV alone. */
    SIGNAL,
    /** As auto, with a warning where the region does not allow it. */
    UFFD,
    /** Not at all. */
    NONE;

    /** Whether first stores are to go by userfaultfd: it protects memory, not files on a disk. */
    boolean allowsGuards(RegionKind kind) {
        return (this == AUTO || this == UFFD) && kind.isMemory();
    }
}
