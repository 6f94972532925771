package io.fusedax.backing.volume;

import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.VolumeStateLayout;
import io.fusedax.backing.inode.InodeNumbers;

/**
 * The chain of free inodes must hold each of them once. What is right of it stays; those that are
 * missing are put in front.
 */
final class CheckFreeInodes {
    private final CheckPass pass;
    private final byte[] inode = new byte[InodeLayout.SIZE_BYTES];
    private long head;

    /** Free on the media, but taken by this repair. */
    private long taken;

    CheckFreeInodes(CheckPass pass) {
        this.pass = pass;
        this.head = pass.state.isValid() ? pass.state.freeInodeHead() : 0;
    }

    /** Takes a never-used inode, or the first of the chain; 0 when there is none. */
    long take() {
        long number = 0;
        if (pass.highWater < pass.table.capacity()) {
            number = pass.highWater++;
        } else if (isFree(head)) {
            number = head;
            pass.table.load(number, inode);
            head = Bytes.getLong(inode, InodeLayout.PARENT);
            taken++;
        }
        return number;
    }

    private boolean isFree(long number) {
        return pass.isOrdinary(number) && pass.states.kind(number) == CheckStates.FREE;
    }

    void check() {
        checkChain();
        long firstMissing = 0;
        long missing = 0;
        long freeOnMedia = taken;
        long free = 0;
        for (long n = pass.highWater - 1; n >= InodeNumbers.FIRST; n--) {
            if (pass.states.inUse(n)) {
                continue;
            }
            free++;
            freeOnMedia += pass.states.kind(n) == CheckStates.FREE ? 1 : 0;
            if (!pass.states.is(n, CheckStates.REACHED)) {
                if (pass.states.kind(n) == CheckStates.FREE) {
                    missing++;
                    firstMissing = n;
                }
                putInFront(n);
            }
        }
        if (missing > 0 && pass.state.isValid()) {
            pass.report.problem(
                    pass.table.where(firstMissing)
                            + ": free, but not in the chain of free inodes, with "
                            + (missing - 1)
                            + " more",
                    "added");
        }
        CheckVolumeState state = pass.state;
        state.compare(VolumeStateLayout.INODE_HIGH_WATER, "inode_high_water", pass.highWaterFound);
        state.compare(VolumeStateLayout.FREE_INODES, "free_inodes", freeOnMedia);
        state.set(VolumeStateLayout.INODE_HIGH_WATER, pass.highWater);
        state.set(VolumeStateLayout.FREE_INODES, free);
        state.set(VolumeStateLayout.FREE_INODE_HEAD, head);
    }

    /** Marks the inodes of the chain, which is cut where it is wrong. */
    private void checkChain() {
        long before = 0;
        long at = head;
        while (at != 0) {
            String problem = null;
            if (!isFree(at)) {
                problem = "is not a free inode";
            } else if (pass.states.is(at, CheckStates.REACHED)) {
                problem = "is in the chain already";
            }
            if (problem != null) {
                pass.report.problem(
                        (before == 0
                                        ? "free_inode_head of the volume state"
                                        : pass.table.where(before))
                                + ": the chain of free inodes goes on with inode "
                                + at
                                + ", which "
                                + problem,
                        "cut there");
                setNext(before, 0);
                return;
            }
            pass.states.set(at, CheckStates.REACHED);
            pass.table.load(at, inode);
            before = at;
            at = Bytes.getLong(inode, InodeLayout.PARENT);
        }
    }

    private void setNext(long number, long next) {
        if (number == 0) {
            head = next;
            return;
        }
        pass.table.load(number, inode);
        Bytes.putLong(inode, InodeLayout.PARENT, next);
        pass.table.put(number, inode);
    }

    private void putInFront(long number) {
        int generation = pass.generationOf(number);
        byte[] free = new byte[InodeLayout.SIZE_BYTES];
        Bytes.putLong(free, InodeLayout.INODE, number);
        Bytes.putInt(free, InodeLayout.GENERATION, generation);
        Bytes.putLong(free, InodeLayout.PARENT, head);
        pass.table.put(number, free);
        head = number;
    }
}
