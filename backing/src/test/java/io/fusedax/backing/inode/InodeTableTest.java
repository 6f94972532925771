package io.fusedax.backing.inode;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.Counter;
import io.fusedax.backing.FsException;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.Seed;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Numbers are given once at a time, survive with the commit, and come back when freed. */
class InodeTableTest {
    private static final int OPERATIONS = 6_000;

    private final Random random = Seed.random("InodeTableTest");
    private InodeFixture fixture;

    /** Inodes in use: number to user id, which stands for all content. */
    private Map<Long, Integer> model = new HashMap<>();

    private Map<Long, Integer> committed = new HashMap<>();

    @BeforeEach
    void format() throws FsException {
        fixture = new InodeFixture(32 << 20, 0);
    }

    @AfterEach
    void close() {
        fixture.close();
    }

    private void make() throws FsException {
        int uid = random.nextInt();
        Inode inode = fixture.newInode(Inode.S_IFREG);
        fixture.change(tx -> tx.putInt(inode.buffer(), InodeLayout.UID, uid));
        assertFalse(model.containsKey(inode.number()), "given twice: " + inode);
        model.put(inode.number(), uid);
        fixture.table.unpin(inode);
    }

    private void makeAndDiscard() throws FsException {
        fixture.table.prepareAllocation();
        Inode[] made = new Inode[1];
        fixture.discard(
                tx -> {
                    made[0] = fixture.table.allocate(tx);
                    tx.putInt(made[0].buffer(), InodeLayout.MODE, Inode.S_IFREG);
                });
        assertFalse(made[0].isLive());
        assertFalse(fixture.table.unpin(made[0]), "nothing to reclaim");
    }

    private void free(long number) throws FsException {
        Inode inode = fixture.table.pin(number);
        fixture.change(tx -> fixture.table.free(tx, inode));
        assertFalse(inode.isLive());
        fixture.table.unpin(inode);
        model.remove(number);
    }

    private long anyNumber() {
        List<Long> numbers = new ArrayList<>(model.keySet());
        return numbers.get(random.nextInt(numbers.size()));
    }

    private void compare() throws FsException {
        for (Map.Entry<Long, Integer> entry : model.entrySet()) {
            Inode inode = fixture.table.pin(entry.getKey());
            assertTrue(inode.isLive());
            assertEquals(entry.getValue(), inode.uid());
            fixture.table.unpin(inode);
        }
        // two more numbers belong to the root and the orphan directory, which are not made here
        assertEquals(model.size() - 2, fixture.table.used());
    }

    @Test
    void anyHistoryAgreesWithTheModel() throws FsException {
        for (int i = 0; i < OPERATIONS; i++) {
            boolean growing = i / 1000 % 2 == 0;
            switch (random.nextInt(8)) {
                case 0 -> makeAndDiscard();
                case 1, 2, 3 -> {
                    if (growing || model.isEmpty()) {
                        make();
                    } else {
                        free(anyNumber());
                    }
                }
                case 4, 5 -> make();
                default -> {
                    if (!model.isEmpty()) {
                        free(anyNumber());
                    }
                }
            }
            if (random.nextInt(100) == 0) {
                fixture.commit();
                committed = new HashMap<>(model);
            }
            if (random.nextInt(800) == 0) {
                fixture.reopen();
                model = new HashMap<>(committed);
                compare();
            }
        }
        compare();
    }

    @Test
    void aNumberUsedAgainHasAnotherGeneration() throws FsException {
        Inode first = fixture.newInode(Inode.S_IFREG);
        int generation = first.buffer().getInt(InodeLayout.GENERATION);
        fixture.table.unpin(first);
        model.put(first.number(), 0);
        free(first.number());
        Inode second = fixture.newInode(Inode.S_IFREG);
        assertEquals(first.number(), second.number());
        assertNotEquals(generation, second.buffer().getInt(InodeLayout.GENERATION));
    }

    @Test
    void numbersOutsideTheTableAreStale() {
        for (long number : new long[] {-1, 0, 1, 1_000_000, Long.MAX_VALUE}) {
            FsException e = assertThrows(FsException.class, () -> fixture.table.pin(number));
            assertEquals(Errno.ESTALE, e.errno(), "inode " + number);
        }
    }

    @Test
    void theCacheIsBoundedAndAPinnedInodeStays() throws FsException {
        Inode pinned = fixture.newInode(Inode.S_IFREG);
        List<Long> numbers = new ArrayList<>();
        for (int i = 0; i < 3_000; i++) {
            Inode inode = fixture.newInode(Inode.S_IFREG);
            numbers.add(inode.number());
            fixture.table.unpin(inode);
            if (i % 50 == 0) {
                fixture.commit();
            }
        }
        fixture.commit();
        for (long number : numbers) {
            fixture.table.unpin(fixture.table.pin(number));
        }
        long evictions = fixture.region.counters().get(Counter.INODE_CACHE_EVICTIONS);
        assertTrue(evictions > 3_000 - 500, "evictions " + evictions);
        Inode again = fixture.table.pin(pinned.number());
        assertTrue(pinned == again, "one object for a number");
    }

    @Test
    void whenBlocksRunOutNumbersRunOutToo() throws FsException {
        fixture.newInode(Inode.S_IFREG);
        fixture.change(
                tx -> {
                    try {
                        while (true) {
                            fixture.allocator.allocate(tx, 0, 10_000);
                        }
                    } catch (FsException e) {
                        assertEquals(Errno.ENOSPC, e.errno());
                    }
                });
        fixture.commit();
        FsException e =
                assertThrows(
                        FsException.class,
                        () -> {
                            while (true) {
                                make();
                            }
                        });
        assertEquals(Errno.ENOSPC, e.errno());
        long unused = fixture.table.highWater() % InodeNumbers.PER_BLOCK;
        assertEquals(0, unused, "every inode of the table was used");
        free(anyNumber());
        make();
    }
}
