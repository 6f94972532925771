package io.fusedax.backing.volume;

import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.PackedExtent;
import io.fusedax.backing.inode.InodeNumbers;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;

/**
 * Claims the blocks of all file data, once those of all metadata are claimed. A block that is owned
 * already is contested: the file gets a copy of it.
 */
final class CheckFiles {
    /**
     * Runs that are told apart; of further contested extents all is copied. So the memory stays
     * below 100 bytes for each of these and for each extent, however they overlap.
     */
    private static final int MAX_RUNS = 1 << 20;

    private final CheckPass pass;
    private final CheckExtents extents;
    private final byte[] inode = new byte[InodeLayout.SIZE_BYTES];

    /** Runs of blocks that somebody else owns, by inode. */
    private final TreeMap<Long, List<Contested>> contested = new TreeMap<>();

    private long runs;

    CheckFiles(CheckPass pass) {
        this.pass = pass;
        this.extents = new CheckExtents(pass.volume);
    }

    /** Blocks that a file's map shows at a logical block. */
    record Contested(long logicalBlock, long block, long lengthBlocks) {}

    void claimAll() {
        for (long n = InodeNumbers.ROOT; n < pass.highWater; n++) {
            if (pass.states.inUse(n)) {
                pass.table.load(n, inode);
                if (CheckExtents.hasExtents(inode)) {
                    claim(n);
                }
            }
        }
    }

    /** Contested runs of a file in the order of the file. */
    List<Contested> contestedOf(long number) {
        return contested.getOrDefault(number, List.of());
    }

    private void claim(long number) {
        extents.walk(
                number,
                pass.table.offsetOf(number),
                inode,
                (key, value) -> {
                    long start = PackedExtent.start(value);
                    if (!pass.ownership.claim(start, PackedExtent.length(value))) {
                        claimParts(number, key, start, PackedExtent.end(value));
                    }
                });
    }

    private void claimParts(long number, long key, long start, long end) {
        if (runs >= MAX_RUNS) {
            note(number, new Contested(key, start, end - start));
            return;
        }
        long at = start;
        while (at < end) {
            long partEnd = pass.ownership.endOfRun(at, end);
            if (!pass.ownership.claim(at, partEnd - at)) {
                note(number, new Contested(key + at - start, at, partEnd - at));
            }
            at = partEnd;
        }
    }

    private void note(long number, Contested run) {
        runs++;
        pass.states.set(number, CheckStates.REBUILD);
        contested.computeIfAbsent(number, each -> new ArrayList<>()).add(run);
        pass.report.problem(
                pass.table.where(number)
                        + ": extent at logical block "
                        + run.logicalBlock
                        + " has blocks "
                        + run.block
                        + ".."
                        + (run.block + run.lengthBlocks - 1)
                        + " at offset "
                        + (run.block << Geometry.BLOCK_SHIFT)
                        + ", which is not its own",
                "copied");
    }
}
