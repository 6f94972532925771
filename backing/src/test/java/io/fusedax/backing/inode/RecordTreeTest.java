package io.fusedax.backing.inode;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.FsException;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.Seed;
import io.fusedax.backing.journal.Transaction;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The record tree against a TreeMap. */
class RecordTreeTest {
    private static final int MANY = 40_000;
    private static final long KEY_SPACE = 1L << 60;

    private final Random random = Seed.random("RecordTreeTest");
    private InodeFixture fixture;
    private Inode inode;
    private TreeMap<Long, Long> model = new TreeMap<>();
    private long freeBlocksWhenEmpty;

    @BeforeEach
    void format() throws FsException {
        fixture = new InodeFixture(32 << 20, 0);
        inode = fixture.newInode(Inode.S_IFREG);
        fixture.commit();
        freeBlocksWhenEmpty = fixture.allocator.freeBlocks();
    }

    @AfterEach
    void close() {
        fixture.close();
    }

    private void insert(long key) throws FsException {
        long value = random.nextLong();
        fixture.change(tx -> fixture.tree.insert(tx, inode, key, value));
        model.put(key, value);
    }

    private void remove(long key) throws FsException {
        fixture.change(tx -> fixture.tree.remove(tx, inode, key));
        model.remove(key);
    }

    private static void assertRecord(Map.Entry<Long, Long> expected, boolean found, TreeRecord at) {
        assertEquals(expected != null, found);
        if (found) {
            assertEquals(expected.getKey(), at.key);
            assertEquals(expected.getValue(), at.value);
        }
    }

    private void compareAround(long key) throws FsException {
        TreeRecord record = new TreeRecord();
        for (long at = Math.max(0, key - 1); at <= key + 1; at++) {
            boolean found = fixture.tree.floor(inode, at, record);
            assertRecord(model.floorEntry(at), found, record);
            found = fixture.tree.ceiling(inode, at, record);
            assertRecord(model.ceilingEntry(at), found, record);
        }
    }

    private void compareAll() throws FsException {
        TreeRecord record = new TreeRecord();
        long next = 0;
        for (Map.Entry<Long, Long> expected : model.entrySet()) {
            assertRecord(expected, fixture.tree.ceiling(inode, next, record), record);
            assertRecord(expected, fixture.tree.floor(inode, expected.getKey(), record), record);
            next = expected.getKey() + 1;
        }
        assertFalse(fixture.tree.ceiling(inode, next, record));
        Set<Long> nodes = new HashSet<>();
        fixture.tree.visitNodes(
                inode,
                (block, level) -> {
                    assertTrue(nodes.add(block), "node " + block + " twice");
                    assertTrue(level >= 0 && level < RecordTree.height(inode));
                });
        assertEquals(nodes.size(), inode.buffer().getLong(InodeLayout.BLOCK_COUNT));
        assertEquals(freeBlocksWhenEmpty - nodes.size(), fixture.allocator.freeBlocks());
    }

    private void removeAll(List<Long> order) throws FsException {
        for (int i = 0; i < order.size(); i++) {
            remove(order.get(i));
            if (i % 97 == 0) {
                compareAround(order.get(i));
            }
        }
        assertEquals(0, RecordTree.height(inode));
        compareAll();
        assertEquals(0, inode.buffer().getLong(InodeLayout.BLOCK_COUNT));
        fixture.commit();
        assertEquals(freeBlocksWhenEmpty, fixture.allocator.freeBlocks());
    }

    private List<Long> keys() {
        return new ArrayList<>(model.keySet());
    }

    private static List<Long> reversed(List<Long> keys) {
        Collections.reverse(keys);
        return keys;
    }

    private List<Long> shuffled(List<Long> keys) {
        Collections.shuffle(keys, random);
        return keys;
    }

    @Test
    void ascendingKeysAllIn() throws FsException {
        for (long key = 0; key < MANY; key++) {
            insert(key * 3);
        }
        assertTrue(RecordTree.height(inode) >= 2, "height " + RecordTree.height(inode));
        long full = (MANY + 250) / 251;
        long nodes = inode.buffer().getLong(InodeLayout.BLOCK_COUNT);
        assertTrue(nodes <= full + full / 100 + 2, "sequential growth fills nodes: " + nodes);
        compareAll();
        removeAll(keys());
    }

    @Test
    void descendingKeysAllIn() throws FsException {
        for (long key = MANY; key > 0; key--) {
            insert(key * 3);
            if (key % 50 == 0 || key > MANY - 2000) {
                compareAround(model.firstKey() + random.nextInt(3 * (int) (MANY - key + 1)));
            }
        }
        assertTrue(RecordTree.height(inode) >= 2);
        compareAll();
        removeAll(reversed(keys()));
    }

    @Test
    void randomKeysAllIn() throws FsException {
        while (model.size() < MANY) {
            long key = random.nextLong() & KEY_SPACE - 1;
            if (!model.containsKey(key)) {
                insert(key);
            }
        }
        assertTrue(RecordTree.height(inode) >= 2);
        compareAll();
        removeAll(shuffled(keys()));
    }

    /** Small trees as well as large ones, growing and shrinking; a part of it is taken back. */
    @Test
    void anyHistoryAgreesWithTheModel() throws FsException {
        int[] sizes = {20, 300, 3, 2500, 0, 700, 12_000, 5};
        for (int target : sizes) {
            long range = random.nextBoolean() ? KEY_SPACE : 4L * Math.max(target, 100);
            while (model.size() != target) {
                batch(target, range);
                if (random.nextInt(200) == 0) {
                    fixture.commit();
                }
            }
            compareAll();
            fixture.commit();
            reopen();
            compareAll();
        }
    }

    private void reopen() throws FsException {
        fixture.reopen();
        inode = fixture.table.pin(inode.number());
    }

    private void batch(int target, long range) throws FsException {
        boolean keep = random.nextInt(5) > 0;
        TreeMap<Long, Long> undo = new TreeMap<>();
        InodeFixture.Change steps =
                tx -> {
                    for (int i = random.nextInt(5); i >= 0 && model.size() != target; i--) {
                        step(tx, target, range, undo);
                    }
                };
        if (keep) {
            fixture.change(steps);
        } else {
            fixture.discard(steps);
            undo.forEach(
                    (key, old) -> {
                        if (old == null) {
                            model.remove(key);
                        } else {
                            model.put(key, old);
                        }
                    });
        }
        compareAround(random.nextLong() & range - 1);
    }

    private void step(Transaction tx, int target, long range, TreeMap<Long, Long> undo)
            throws FsException {
        long key = Math.floorMod(random.nextLong(), range);
        Map.Entry<Long, Long> near = model.ceilingEntry(key);
        near = near == null ? model.firstEntry() : near;
        long value = random.nextLong();
        int kind = random.nextInt(10);
        boolean growing = model.size() < target;
        if (near != null && kind < 2) {
            key = near.getKey();
            remember(undo, key);
            fixture.tree.replace(tx, inode, key, value);
            model.put(key, value);
        } else if (near != null && (growing ? kind < 4 : kind < 9)) {
            key = near.getKey();
            remember(undo, key);
            fixture.tree.remove(tx, inode, key);
            model.remove(key);
        } else if (!model.containsKey(key)) {
            remember(undo, key);
            fixture.tree.insert(tx, inode, key, value);
            model.put(key, value);
        }
        compareAround(key);
    }

    /** Notes what the key had before the batch; null if it was not there. */
    private void remember(TreeMap<Long, Long> undo, long key) {
        if (!undo.containsKey(key)) {
            undo.put(key, model.get(key));
        }
    }

    @Test
    void aMissingKeyIsDamage() throws FsException {
        insert(5);
        assertThrows(FsException.class, () -> remove(4));
        assertThrows(
                FsException.class,
                () -> fixture.change(tx -> fixture.tree.replace(tx, inode, 6, 1)));
        compareAll();
    }
}
