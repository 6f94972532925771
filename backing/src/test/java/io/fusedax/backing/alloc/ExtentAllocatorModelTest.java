package io.fusedax.backing.alloc;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.FsException;
import io.fusedax.backing.format.GroupLayout;
import io.fusedax.backing.format.PackedExtent;
import io.fusedax.backing.format.Seed;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.journal.MetaBuffer;
import io.fusedax.backing.journal.Transaction;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Random use against bit sets: what is in use, what is quarantined, what a crash leaves. */
class ExtentAllocatorModelTest {
    private static final int OPERATIONS = 6_000;
    private static final int FULL_COMPARISON_EVERY = 500;

    private final Random random = Seed.random("ExtentAllocatorModelTest");
    private AllocatorFixture fixture;

    private BitSet used = new BitSet();
    private BitSet quarantined = new BitSet();
    private List<Long> owned = new ArrayList<>();
    private List<Long> reservations = new ArrayList<>();
    private long reservationEpoch;

    private BitSet committedUsed = new BitSet();
    private List<Long> committedOwned = new ArrayList<>();

    /** Three groups, the last of them short. */
    @BeforeEach
    void format() throws FsException {
        fixture = new AllocatorFixture(290L << 20, 4 << 20);
    }

    @AfterEach
    void close() {
        fixture.close();
    }

    private long dataBlocks() {
        return fixture.geometry.totalBlocks() - fixture.geometry.reservedBlocks();
    }

    @Test
    void anyHistoryAgreesWithTheModel() throws FsException {
        for (int i = 0; i < OPERATIONS; i++) {
            // fills up, then empties, then fills up again
            boolean growing = i / 1500 % 2 == 0;
            operate(growing);
            assertEquals(dataBlocks() - used.cardinality(), fixture.allocator.freeBlocks());
            assertEquals(quarantined.cardinality(), fixture.allocator.quarantinedBlocks());
            if (random.nextInt(40) == 0) {
                commit();
            }
            if (random.nextInt(700) == 0) {
                crash();
            }
            if (i % FULL_COMPARISON_EVERY == 0) {
                compareBitmaps();
            }
        }
        commit();
        crash();
        compareBitmaps();
    }

    private void operate(boolean growing) throws FsException {
        BitSet usedBefore = (BitSet) used.clone();
        BitSet quarantinedBefore = (BitSet) quarantined.clone();
        List<Long> ownedBefore = new ArrayList<>(owned);
        boolean keep = random.nextInt(5) > 0;
        try (Transaction tx = fixture.journal.begin("model")) {
            for (int steps = 1 + random.nextInt(4); steps > 0; steps--) {
                if (random.nextInt(10) < (growing ? 7 : 3)) {
                    take(tx);
                } else if (!owned.isEmpty()) {
                    giveBack(tx);
                }
            }
            if (keep) {
                tx.commit();
            }
        }
        if (!keep) {
            used = usedBefore;
            quarantined = quarantinedBefore;
            owned = ownedBefore;
        }
    }

    private void take(Transaction tx) throws FsException {
        long goal = random.nextInt(3) == 0 ? randomBlock() : 0;
        long want = 1L + (random.nextInt(3) == 0 ? random.nextInt(4000) : random.nextInt(20));
        switch (random.nextInt(8)) {
            case 0 -> takeUnits(tx, goal);
            case 1 -> reserve(tx, goal);
            case 2 -> takeReserved(tx, want);
            default -> takeRun(tx, goal, want);
        }
    }

    private long randomBlock() {
        return fixture.geometry.firstDataBlock() + random.nextInt((int) dataBlocks());
    }

    private void takeRun(Transaction tx, long goal, long want) throws FsException {
        // groups come into use one after the other: a goal behind the next one is not heeded
        boolean heeded = goal / GroupLayout.BLOCKS_PER_GROUP <= fixture.state.initializedGroups;
        try {
            long extent = fixture.allocator.allocate(tx, goal, want);
            assertTrue(PackedExtent.length(extent) <= want);
            if (goal != 0 && heeded && isFree(goal)) {
                assertEquals(goal, PackedExtent.start(extent), "the goal is free");
            }
            own(extent);
        } catch (FsException e) {
            assertEquals(Errno.ENOSPC, e.errno());
            assertEquals(dataBlocks(), used.cardinality() + quarantined.cardinality());
        }
    }

    /** Free in the model; a reservation may still be in the way, so only without any. */
    private boolean isFree(long block) {
        return reservations.isEmpty() && !used.get((int) block) && !quarantined.get((int) block);
    }

    private void takeUnits(Transaction tx, long goal) throws FsException {
        int want = 1 + random.nextInt(4);
        long extent = fixture.allocator.allocateUnits(tx, goal, want);
        if (extent != 0) {
            assertEquals(0, PackedExtent.start(extent) % 512);
            assertEquals(0, PackedExtent.length(extent) % 512);
            assertTrue(PackedExtent.length(extent) <= want * 512L);
            own(extent);
        }
    }

    private void reserve(Transaction tx, long goal) throws FsException {
        long epoch = fixture.allocator.reservationEpoch();
        if (epoch != reservationEpoch) {
            reservations.clear();
            reservationEpoch = epoch;
        }
        long unit = fixture.allocator.reserveUnit(tx, goal);
        if (unit != 0) {
            reservations.add(unit);
        }
    }

    private void takeReserved(Transaction tx, long want) throws FsException {
        if (!reservations.isEmpty()) {
            long unit = reservations.remove(random.nextInt(reservations.size()));
            long length = Math.min(want, 512);
            long start = PackedExtent.start(unit);
            long extent = fixture.allocator.allocateReserved(tx, reservationEpoch, start, length);
            if (extent != 0) {
                assertEquals(start, PackedExtent.start(extent));
                own(extent);
            }
            fixture.allocator.endReservation(reservationEpoch, start, 512);
        }
    }

    private void own(long extent) {
        int start = (int) PackedExtent.start(extent);
        int end = (int) PackedExtent.end(extent);
        assertTrue(fixture.geometry.isDataExtent(extent), "outside the data area");
        assertTrue(used.get(start, end).isEmpty(), "in use");
        assertTrue(quarantined.get(start, end).isEmpty(), "quarantined");
        used.set(start, end);
        owned.add(extent);
    }

    /** All of an extent, or its head or tail. */
    private void giveBack(Transaction tx) throws FsException {
        long extent = owned.remove(random.nextInt(owned.size()));
        long start = PackedExtent.start(extent);
        long length = PackedExtent.length(extent);
        if (length > 1 && random.nextInt(4) == 0) {
            long head = 1L + random.nextInt((int) length - 1);
            owned.add(PackedExtent.of(start + head, length - head));
            length = head;
        }
        fixture.allocator.free(tx, PackedExtent.of(start, length));
        used.clear((int) start, (int) (start + length));
        quarantined.set((int) start, (int) (start + length));
    }

    private void commit() throws FsException {
        fixture.commit();
        quarantined.clear();
        committedUsed = (BitSet) used.clone();
        committedOwned = new ArrayList<>(owned);
    }

    private void crash() throws FsException {
        fixture.open();
        used = (BitSet) committedUsed.clone();
        owned = new ArrayList<>(committedOwned);
        quarantined.clear();
        reservations.clear();
    }

    private void compareBitmaps() throws FsException {
        long groups = fixture.state.initializedGroups;
        for (long group = 0; group < groups; group++) {
            MetaBuffer buffer =
                    fixture.journal
                            .cache()
                            .loadFixed(StructureType.GROUP, fixture.geometry.groupOffset(group));
            int free = 0;
            for (int bit = 0; bit < GroupLayout.BLOCKS_PER_GROUP; bit++) {
                long block = group * GroupLayout.BLOCKS_PER_GROUP + bit;
                boolean set = (buffer.getU8(GroupLayout.BITMAP + bit / 8) >> bit % 8 & 1) != 0;
                boolean expected = !fixture.geometry.isDataBlock(block) || used.get((int) block);
                assertEquals(expected, set, "block " + block);
                free += set ? 0 : 1;
            }
            assertEquals(free, buffer.getInt(GroupLayout.FREE_BLOCKS), "group " + group);
        }
        long firstUninitialized = groups * GroupLayout.BLOCKS_PER_GROUP;
        assertTrue(used.length() <= firstUninitialized);
    }

    @Test
    void threadsNeverGetTheSameBlock() throws Exception {
        int threads = 6;
        ExecutorService pool = Executors.newFixedThreadPool(threads);
        List<Future<BitSet>> futures = new ArrayList<>();
        for (int i = 0; i < threads; i++) {
            Random own = new Random(random.nextLong());
            futures.add(pool.submit(() -> churn(own)));
        }
        BitSet all = new BitSet();
        for (Future<BitSet> future : futures) {
            BitSet kept = future.get();
            assertTrue(!all.intersects(kept), "two threads own one block");
            all.or(kept);
        }
        pool.shutdown();
        assertEquals(dataBlocks() - all.cardinality(), fixture.allocator.freeBlocks());
        used = all;
        compareBitmaps();
        fixture.commit();
        fixture.open();
        compareBitmaps();
        assertEquals(dataBlocks() - all.cardinality(), fixture.allocator.freeBlocks());
    }

    private BitSet churn(Random own) throws FsException {
        BitSet mine = new BitSet();
        List<Long> extents = new ArrayList<>();
        for (int i = 0; i < 2_000; i++) {
            boolean keep = own.nextInt(4) > 0;
            long taken = 0;
            long freed = 0;
            try (Transaction tx = fixture.journal.begin("churn")) {
                if (extents.size() < 20 || own.nextBoolean()) {
                    taken = fixture.allocator.allocate(tx, 0, 1 + own.nextInt(100));
                } else {
                    freed = extents.get(own.nextInt(extents.size()));
                    fixture.allocator.free(tx, freed);
                }
                if (keep) {
                    tx.commit();
                }
            }
            if (keep && taken != 0) {
                extents.add(taken);
                mine.set((int) PackedExtent.start(taken), (int) PackedExtent.end(taken));
            }
            if (keep && freed != 0) {
                extents.remove((Long) freed);
                mine.clear((int) PackedExtent.start(freed), (int) PackedExtent.end(freed));
            }
            if (own.nextInt(200) == 0) {
                fixture.commit();
            }
        }
        return mine;
    }
}
