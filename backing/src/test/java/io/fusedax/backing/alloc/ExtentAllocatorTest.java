package io.fusedax.backing.alloc;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.FsException;
import io.fusedax.backing.format.PackedExtent;
import io.fusedax.backing.journal.Transaction;
import java.util.BitSet;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.Test;

class ExtentAllocatorTest {
    private static final long MIB = 1L << 20;
    private static final int UNIT = 512;

    /** What is done in one transaction. */
    private interface Change {
        long run(Transaction tx) throws FsException;
    }

    private static long change(AllocatorFixture f, Change change) throws FsException {
        try (Transaction tx = f.journal.begin("test")) {
            long result = change.run(tx);
            tx.commit();
            return result;
        }
    }

    private static void discard(AllocatorFixture f, Change change) throws FsException {
        try (Transaction tx = f.journal.begin("test")) {
            change.run(tx);
        }
    }

    private static long allocate(AllocatorFixture f, long goal, long want) throws FsException {
        return change(f, tx -> f.allocator.allocate(tx, goal, want));
    }

    private static void free(AllocatorFixture f, long extent) throws FsException {
        change(
                f,
                tx -> {
                    f.allocator.free(tx, extent);
                    return 0;
                });
    }

    private static void assertErrno(
            Errno errno, org.junit.jupiter.api.function.Executable executable) {
        assertEquals(errno, assertThrows(FsException.class, executable).errno());
    }

    /** Takes all there is; answers what was taken. */
    private static BitSet fill(AllocatorFixture f, int want) throws FsException {
        BitSet taken = new BitSet();
        while (true) {
            long extent;
            try {
                extent = allocate(f, 0, want);
            } catch (FsException e) {
                assertEquals(Errno.ENOSPC, e.errno());
                return taken;
            }
            int start = (int) PackedExtent.start(extent);
            int end = (int) PackedExtent.end(extent);
            assertEquals(-1, nextSetBefore(taken, start, end), "a block is handed out twice");
            taken.set(start, end);
        }
    }

    private static int nextSetBefore(BitSet bits, int from, int end) {
        int next = bits.nextSetBit(from);
        return next < end ? next : -1;
    }

    @Test
    void everyBlockOfTheDataAreaIsHandedOutBeforeEnospc() throws FsException {
        for (int want : new int[] {1, 7, 512, 100_000}) {
            try (AllocatorFixture f = new AllocatorFixture(130 * MIB, 0)) {
                long free = f.allocator.freeBlocks();
                BitSet taken = fill(f, want);
                assertEquals(free, taken.cardinality(), "want " + want);
                assertEquals(f.geometry.firstDataBlock(), taken.nextSetBit(0));
                assertEquals(f.geometry.totalBlocks() - 1, taken.length());
                assertEquals(0, f.allocator.freeBlocks());
            }
        }
    }

    @Test
    void freedBlocksAreNotUsedBeforeTheCommit() throws FsException {
        try (AllocatorFixture f = new AllocatorFixture(8 * MIB, 0)) {
            long extent = allocate(f, 0, 100);
            fill(f, 1000);
            f.commit();
            free(f, extent);
            assertEquals(100, f.allocator.freeBlocks());
            assertEquals(100, f.allocator.quarantinedBlocks());
            assertErrno(Errno.ENOSPC, () -> allocate(f, 0, 1));
            assertErrno(Errno.ENOSPC, () -> allocate(f, PackedExtent.start(extent), 1));
            f.commit();
            assertEquals(0, f.allocator.quarantinedBlocks());
            assertEquals(extent, allocate(f, 0, 100));
        }
    }

    @Test
    void aGoalThatIsFreeIsTaken() throws FsException {
        try (AllocatorFixture f = new AllocatorFixture(300 * MIB, 0)) {
            allocate(f, 0, 1);
            long goal = f.geometry.firstDataBlock() + 1000;
            assertEquals(PackedExtent.of(goal, 10), allocate(f, goal, 10));
            assertEquals(PackedExtent.of(goal + 10, 20), allocate(f, goal + 10, 20));
            long second = allocate(f, goal, 5);
            assertEquals(goal + 30, PackedExtent.start(second), "behind, not before");
            assertEquals(PackedExtent.of(goal - 3, 3), allocate(f, goal - 3, 100));
        }
    }

    @Test
    void unitsAreAlignedAndOnlyTakenWhole() throws FsException {
        try (AllocatorFixture f = new AllocatorFixture(64 * MIB, 0)) {
            long units = 0;
            while (true) {
                long extent = change(f, tx -> f.allocator.allocateUnits(tx, 0, 3));
                if (extent == 0) {
                    break;
                }
                assertEquals(0, PackedExtent.start(extent) % UNIT);
                assertEquals(0, PackedExtent.length(extent) % UNIT);
                assertTrue(PackedExtent.length(extent) <= 3 * UNIT);
                units += PackedExtent.length(extent) / UNIT;
            }
            long first = (f.geometry.firstDataBlock() + UNIT - 1) / UNIT;
            assertEquals((f.geometry.totalBlocks() - 1) / UNIT - first, units);
            assertTrue(fill(f, 1).cardinality() > 0, "what is left is for small ones");
        }
    }

    @Test
    void reservationsCountAsFreeAndGoWhenSpaceIsShort() throws FsException {
        try (AllocatorFixture f = new AllocatorFixture(32 * MIB, 0)) {
            long free = f.allocator.freeBlocks();
            long epoch = f.allocator.reservationEpoch();
            long unit = change(f, tx -> f.allocator.reserveUnit(tx, 0));
            assertNotEquals(0, unit);
            while (change(f, tx -> f.allocator.reserveUnit(tx, 0)) != 0) {
                assertEquals(free, f.allocator.freeBlocks());
            }
            long start = PackedExtent.start(unit);
            assertEquals(
                    PackedExtent.of(start, 10),
                    change(f, tx -> f.allocator.allocateReserved(tx, epoch, start, 10)));
            assertEquals(free - 10, fill(f, 64).cardinality());
            assertNotEquals(epoch, f.allocator.reservationEpoch());
            assertEquals(
                    0, change(f, tx -> f.allocator.allocateReserved(tx, epoch, start + 10, 10)));
        }
    }

    @Test
    void whatIsReservedIsNotHandedOutToOthersWhileThereIsSpace() throws FsException {
        try (AllocatorFixture f = new AllocatorFixture(32 * MIB, 0)) {
            long epoch = f.allocator.reservationEpoch();
            long unit = change(f, tx -> f.allocator.reserveUnit(tx, 0));
            for (int i = 0; i < 3000; i++) {
                long extent = allocate(f, 0, 1);
                boolean inside =
                        PackedExtent.start(extent) >= PackedExtent.start(unit)
                                && PackedExtent.start(extent) < PackedExtent.end(unit);
                assertFalse(inside, "allocation " + i);
            }
            f.allocator.endReservation(epoch, PackedExtent.start(unit), UNIT);
            assertEquals(
                    PackedExtent.of(PackedExtent.start(unit), 5),
                    allocate(f, PackedExtent.start(unit), 5));
        }
    }

    @Test
    void aDiscardedOperationGivesBackAndTakesAgain() throws FsException {
        try (AllocatorFixture f = new AllocatorFixture(8 * MIB, 0)) {
            long kept = allocate(f, 0, 50);
            long free = f.allocator.freeBlocks();
            discard(
                    f,
                    tx -> {
                        f.allocator.allocate(tx, 0, 20);
                        f.allocator.free(tx, kept);
                        long again = f.allocator.allocate(tx, 0, 30);
                        f.allocator.free(tx, PackedExtent.of(PackedExtent.start(again), 1));
                        return 0;
                    });
            assertEquals(free, f.allocator.freeBlocks());
            assertEquals(0, f.allocator.quarantinedBlocks());
            long start = PackedExtent.start(kept);
            assertNotEquals(start, PackedExtent.start(allocate(f, start, 1)), "still in use");
            assertEquals(free - 1, fill(f, 1000).cardinality());
        }
    }

    @Test
    void freeingTwiceOrOutsideIsAnError() throws FsException {
        try (AllocatorFixture f = new AllocatorFixture(8 * MIB, 0)) {
            long extent = allocate(f, 0, 10);
            long inside = PackedExtent.of(PackedExtent.start(extent) + 3, 2);
            free(f, inside);
            assertErrno(Errno.EUCLEAN, () -> free(f, inside));
            assertErrno(Errno.EUCLEAN, () -> free(f, extent));
            long firstData = f.geometry.firstDataBlock();
            assertErrno(Errno.EUCLEAN, () -> free(f, PackedExtent.of(firstData - 1, 2)));
            assertErrno(Errno.EUCLEAN, () -> free(f, PackedExtent.of(0, 1)));
            long last = f.geometry.totalBlocks() - 1;
            assertErrno(Errno.EUCLEAN, () -> free(f, PackedExtent.of(last - 1, 2)));
            f.commit();
            assertErrno(Errno.EUCLEAN, () -> free(f, inside));
        }
    }

    @Test
    void aGroupCostsNothingBeforeItIsNeeded() throws FsException {
        try (AllocatorFixture f = new AllocatorFixture(1L << 40, 0)) {
            assertEquals(0, f.state.initializedGroups);
            allocate(f, 0, 1);
            assertEquals(1, f.state.initializedGroups);
            f.commit();
            f.open();
            assertEquals(1, f.state.initializedGroups);
            long free = f.geometry.totalBlocks() - f.geometry.reservedBlocks() - 1;
            assertEquals(free, f.allocator.freeBlocks());
        }
    }

    /** Groups lie in the middle of extents that were handed out one by one. */
    @Test
    void anExtentThatSpansGroupsIsFreedAsAWhole() throws FsException {
        try (AllocatorFixture f = new AllocatorFixture(300 * MIB, 0)) {
            long free = f.allocator.freeBlocks();
            BitSet taken = fill(f, 100_000);
            assertEquals(free, taken.cardinality());
            f.commit();
            long first = f.geometry.firstDataBlock();
            free(f, PackedExtent.of(first, f.geometry.totalBlocks() - 1 - first));
            assertEquals(free, f.allocator.freeBlocks());
            assertEquals(free, f.allocator.quarantinedBlocks());
            f.commit();
            assertEquals(free, fill(f, 3000).cardinality());
        }
    }
}
