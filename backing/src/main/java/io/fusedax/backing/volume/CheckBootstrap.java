package io.fusedax.backing.volume;

import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.inode.Inode;
import io.fusedax.backing.inode.InodeNumbers;

/**
 * Makes an empty root or orphan directory anew when it was damaged; the next pass finds the rest.
 */
final class CheckBootstrap {
    private final CheckState state;

    CheckBootstrap(CheckState state) {
        this.state = state;
    }

    void run() {
        for (long inode : new long[] {InodeNumbers.ROOT, InodeNumbers.ORPHANS}) {
            if (state.kind(inode) != CheckState.Kind.DIRECTORY) {
                byte[] bytes = new byte[InodeLayout.SIZE_BYTES];
                int permissions = inode == InodeNumbers.ROOT ? 0755 : 0;
                Bytes.putLong(bytes, InodeLayout.INODE, inode);
                Bytes.putInt(bytes, InodeLayout.GENERATION, 1);
                Bytes.putInt(bytes, InodeLayout.MODE, Inode.S_IFDIR | permissions);
                Bytes.putInt(bytes, InodeLayout.LINK_COUNT, 2);
                Bytes.putLong(bytes, InodeLayout.PARENT, inode);
                state.store(StructureType.INODE, state.inodeOffset(inode), bytes);
                state.report.note("inode " + inode + ": made anew, empty");
            }
        }
        state.region.drain();
    }
}
