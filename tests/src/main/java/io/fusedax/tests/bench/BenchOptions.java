package io.fusedax.tests.bench;

import java.nio.file.Path;
import java.util.List;
import java.util.Set;

/**
 * How to run.
 *
 * @param launcher tools/fuse-dax
 * @param fusexmp the compiled example of libfuse-dev
 * @param passthrough the compiled example of libfuse3-dev
 * @param mapbench the compiled mapbench.c
 * @param workDirectory on tmpfs; the caller makes and removes it
 * @param mountDirectory for mount points; not on that tmpfs, or ext4, its loop device and the tmpfs
 *     would keep each other alive when the namespace is killed
 * @param peers whom to run, ours first if at all
 * @param operations what the operation sections run
 * @param rounds samples of each operation and peer
 * @param pinned see {@link Pinning}
 * @param quick fewer and smaller samples: shows that all works, measures roughly
 */
record BenchOptions(
        String launcher,
        Path fusexmp,
        Path passthrough,
        Path mapbench,
        Path workDirectory,
        Path mountDirectory,
        List<PeerKind> peers,
        Set<Operation> operations,
        int rounds,
        boolean pinned,
        boolean quick) {
    /** Chooses between the full and the quick value of a size. */
    int scaled(int full, int fast) {
        return quick ? fast : full;
    }

    boolean hasOurs() {
        return peers.contains(PeerKind.FUSE_DAX);
    }
}
