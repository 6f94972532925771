package io.fusedax.backing.inode;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.FsException;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.PackedExtent;
import io.fusedax.backing.format.Seed;
import io.fusedax.backing.journal.Transaction;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The block map against an array: for each logical block its physical one, and its state. */
class ExtentMapTest {
    private static final int BLOCKS = 3_000;
    private static final int OPERATIONS = 2_500;

    private final Random random = Seed.random("ExtentMapTest");
    private InodeFixture fixture;
    private Inode inode;

    /** Physical block, 0: hole; bit 63: unwritten. */
    private long[] model = new long[BLOCKS];

    private long freeBlocksWhenEmpty;

    @BeforeEach
    void format() throws FsException {
        fixture = new InodeFixture(64 << 20, 0);
        inode = fixture.newInode(Inode.S_IFREG);
        fixture.commit();
        freeBlocksWhenEmpty = fixture.allocator.freeBlocks();
    }

    @AfterEach
    void close() {
        fixture.close();
    }

    @Test
    void anyHistoryAgreesWithTheModel() throws FsException {
        for (int i = 0; i < OPERATIONS; i++) {
            long[] before = model.clone();
            boolean keep = random.nextInt(5) > 0;
            InodeFixture.Change steps =
                    tx -> {
                        for (int n = random.nextInt(3); n >= 0; n--) {
                            step(tx);
                        }
                    };
            if (keep) {
                fixture.change(steps);
            } else {
                fixture.discard(steps);
                model = before;
            }
            if (i % 20 == 0 || !keep) {
                compare();
            }
            if (random.nextInt(30) == 0) {
                fixture.commit();
            }
        }
        fixture.commit();
        fixture.reopen();
        inode = fixture.table.pin(inode.number());
        compare();
        removeAll();
    }

    private void removeAll() throws FsException {
        boolean[] done = new boolean[1];
        int rounds = 0;
        while (!done[0]) {
            fixture.change(tx -> done[0] = fixture.map.free(tx, inode, 0, BLOCKS, 7));
            rounds++;
        }
        assertTrue(rounds > 1);
        Arrays.fill(model, 0);
        compare();
        fixture.commit();
        assertEquals(freeBlocksWhenEmpty, fixture.allocator.freeBlocks());
        assertEquals(0, inode.buffer().getLong(InodeLayout.BLOCK_COUNT));
    }

    private void step(Transaction tx) throws FsException {
        int at = random.nextInt(BLOCKS);
        int length = 1 + random.nextInt(random.nextInt(4) == 0 ? 300 : 12);
        int end = Math.min(BLOCKS, at + length);
        switch (random.nextInt(12)) {
            case 0, 1 -> free(tx, at, end);
            case 2, 3 -> convert(tx, at, end, random.nextBoolean());
            case 4 -> collapse(tx, at, end);
            case 5 -> insert(tx, at, end - at);
            default -> add(tx, at, end);
        }
    }

    /** Fills the holes of a range. */
    private void add(Transaction tx, int from, int end) throws FsException {
        boolean unwritten = random.nextInt(3) == 0;
        int at = from;
        while (at < end) {
            int hole = at;
            while (hole < end && model[hole] == 0) {
                hole++;
            }
            if (hole == at) {
                at++;
                continue;
            }
            long before = at > 0 ? model[at - 1] & ~PackedExtent.UNWRITTEN : 0;
            long goal = random.nextBoolean() && before != 0 ? before + 1 : 0;
            long extent = fixture.allocator.allocate(tx, goal, hole - at);
            fixture.map.add(tx, inode, at, extent | (unwritten ? PackedExtent.UNWRITTEN : 0));
            for (int i = 0; i < PackedExtent.length(extent); i++) {
                model[at + i] =
                        PackedExtent.start(extent) + i | (unwritten ? PackedExtent.UNWRITTEN : 0);
            }
            at += (int) PackedExtent.length(extent);
        }
    }

    private void free(Transaction tx, int from, int end) throws FsException {
        assertTrue(fixture.map.free(tx, inode, from, end, Integer.MAX_VALUE));
        Arrays.fill(model, from, end, 0);
    }

    private void convert(Transaction tx, int from, int end, boolean unwritten) throws FsException {
        fixture.map.convert(tx, inode, from, end, unwritten);
        for (int i = from; i < end; i++) {
            if (model[i] != 0) {
                model[i] =
                        unwritten
                                ? model[i] | PackedExtent.UNWRITTEN
                                : model[i] & ~PackedExtent.UNWRITTEN;
            }
        }
    }

    private void collapse(Transaction tx, int from, int end) throws FsException {
        free(tx, from, end);
        fixture.map.shift(tx, inode, end, from - end);
        System.arraycopy(model, end, model, from, BLOCKS - end);
        Arrays.fill(model, BLOCKS - (end - from), BLOCKS, 0);
    }

    private void insert(Transaction tx, int at, int length) throws FsException {
        free(tx, Math.max(at, BLOCKS - length), BLOCKS);
        fixture.map.splitAt(tx, inode, at);
        fixture.map.shift(tx, inode, at, length);
        System.arraycopy(model, at, model, at + length, BLOCKS - at - length);
        Arrays.fill(model, at, at + length, 0);
    }

    private boolean continues(int at) {
        boolean bothHoles = model[at] == 0 && model[at - 1] == 0;
        return bothHoles || model[at - 1] != 0 && model[at] == model[at - 1] + 1;
    }

    /** Every block, and that neighbours which continue each other are one extent. */
    private void compare() throws FsException {
        ExtentMap.Mapping mapping = new ExtentMap.Mapping();
        long blocks = 0;
        int extents = 0;
        int at = 0;
        while (at < BLOCKS) {
            int end = at + 1;
            while (end < BLOCKS && continues(end)) {
                end++;
            }
            int middle = at + random.nextInt(end - at);
            for (int probe : new int[] {at, middle, end - 1}) {
                fixture.map.find(inode, probe, mapping);
                assertEquals(model[probe] == 0, mapping.isHole(), "block " + probe);
                if (model[probe] != 0 || end < BLOCKS) {
                    assertEquals(end - probe, mapping.lengthBlocks, "run at " + probe);
                }
                if (model[probe] != 0) {
                    long physical = model[probe] & ~PackedExtent.UNWRITTEN;
                    assertEquals(physical, mapping.physicalBlock, "block " + probe);
                    assertEquals(model[probe] < 0, mapping.unwritten, "block " + probe);
                }
            }
            blocks += model[at] != 0 ? end - at : 0;
            extents += model[at] != 0 ? 1 : 0;
            at = end;
        }
        assertEquals(extents, fixture.map.costBehind(inode, 0, BLOCKS));
        long[] nodes = new long[1];
        fixture.tree.visitNodes(inode, (block, level) -> nodes[0]++);
        assertEquals(blocks + nodes[0], inode.buffer().getLong(InodeLayout.BLOCK_COUNT));
        assertEquals(freeBlocksWhenEmpty - blocks - nodes[0], fixture.allocator.freeBlocks());
    }

    @Test
    void aBoundedFreeStopsAndGoesOn() throws FsException {
        fixture.change(
                tx -> {
                    for (int i = 0; i < 20; i += 2) {
                        fixture.map.add(tx, inode, i, fixture.allocator.allocate(tx, 0, 1));
                    }
                });
        boolean[] done = new boolean[1];
        fixture.change(tx -> done[0] = fixture.map.free(tx, inode, 0, 20, 9));
        assertFalse(done[0]);
        assertEquals(1, fixture.map.costBehind(inode, 0, 100));
        fixture.change(tx -> done[0] = fixture.map.free(tx, inode, 0, 20, 1));
        assertTrue(done[0]);
    }
}
