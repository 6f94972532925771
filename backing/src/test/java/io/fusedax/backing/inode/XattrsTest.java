package io.fusedax.backing.inode;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.PackedExtent;
import io.fusedax.backing.format.Seed;
import io.fusedax.backing.journal.Transaction;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.TreeSet;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Extended attributes against a map. */
class XattrsTest {
    private static final int[] SIZES = {0, 1, 7, 8, 100, 511, 512, 513, 4096, 4097, 65_535, 65_536};
    private static final int OPERATIONS = 1_500;

    private final Random random = Seed.random("XattrsTest");
    private InodeFixture fixture;
    private Inode inode;
    private Map<String, byte[]> model = new TreeMap<>();
    private long freeBlocksWhenEmpty;

    @BeforeEach
    void format() throws FsException {
        fixture = new InodeFixture(16 << 20, 0);
        inode = fixture.newInode(Inode.S_IFREG);
        fixture.commit();
        freeBlocksWhenEmpty = fixture.allocator.freeBlocks();
    }

    @AfterEach
    void close() {
        fixture.close();
    }

    private static byte[] bytes(String name) {
        return name.getBytes(StandardCharsets.UTF_8);
    }

    private byte[] randomValue() {
        int size =
                random.nextBoolean()
                        ? SIZES[random.nextInt(SIZES.length)]
                        : random.nextInt(random.nextInt(5) == 0 ? 65_536 : 300);
        byte[] value = new byte[size];
        random.nextBytes(value);
        return value;
    }

    private String randomName() {
        int number = random.nextInt(600);
        return "user." + number + "x".repeat(number % 240);
    }

    private void set(String name, byte[] value, int flags) throws FsException {
        fixture.change(tx -> fixture.xattrs.set(tx, inode, bytes(name), value, flags));
        model.put(name, value);
    }

    private static void assertErrno(
            Errno errno, org.junit.jupiter.api.function.Executable executable) {
        assertEquals(errno, assertThrows(FsException.class, executable).errno());
    }

    @Test
    void anyHistoryAgreesWithTheModel() throws FsException {
        int full = 0;
        for (int i = 0; i < OPERATIONS; i++) {
            String name = randomName();
            byte[] value = randomValue();
            switch (random.nextInt(6)) {
                case 0 -> remove(name);
                case 1 -> fixture.discard(this::removeAll);
                case 2 -> setAndDiscard(name, value);
                default -> full += setIfItFits(name, value) ? 0 : 1;
            }
            compare();
            if (random.nextInt(20) == 0) {
                fixture.commit();
            }
            if (random.nextInt(100) == 0) {
                fixture.commit();
                fixture.reopen();
                inode = fixture.table.pin(inode.number());
            }
        }
        assertTrue(full > 0, "the blocks of entries were never full");
        fixture.change(this::removeAll);
        model.clear();
        compare();
        fixture.commit();
        assertEquals(freeBlocksWhenEmpty, fixture.allocator.freeBlocks());
    }

    private void removeAll(Transaction tx) throws FsException {
        while (!fixture.xattrs.isSmall(inode)) {
            fixture.xattrs.removeFirst(tx, inode);
        }
        fixture.xattrs.removeFirst(tx, inode);
    }

    private boolean setIfItFits(String name, byte[] value) throws FsException {
        try {
            set(name, value, 0);
            return true;
        } catch (FsException e) {
            assertEquals(Errno.ENOSPC, e.errno());
            return false;
        }
    }

    private void setAndDiscard(String name, byte[] value) throws FsException {
        try {
            fixture.discard(tx -> fixture.xattrs.set(tx, inode, bytes(name), value, 0));
        } catch (FsException e) {
            assertEquals(Errno.ENOSPC, e.errno());
        }
    }

    private void remove(String name) throws FsException {
        InodeFixture.Change change = tx -> fixture.xattrs.remove(tx, inode, bytes(name));
        if (model.remove(name) != null) {
            fixture.change(change);
        } else {
            assertErrno(Errno.ENODATA, () -> fixture.change(change));
        }
    }

    private void compare() throws FsException {
        TreeSet<String> names = new TreeSet<>();
        for (String name :
                new String(fixture.xattrs.list(inode), StandardCharsets.UTF_8).split("\0")) {
            if (!name.isEmpty()) {
                assertTrue(names.add(name), "twice: " + name);
            }
        }
        assertEquals(model.keySet(), names);
        for (Map.Entry<String, byte[]> entry : model.entrySet()) {
            byte[] value = fixture.xattrs.get(inode, bytes(entry.getKey()));
            assertArrayEquals(entry.getValue(), value, entry.getKey());
        }
        long[] blocks = new long[1];
        fixture.xattrs.visitExtents(inode, extent -> blocks[0] += PackedExtent.length(extent));
        assertEquals(blocks[0], inode.buffer().getLong(InodeLayout.BLOCK_COUNT));
        assertEquals(freeBlocksWhenEmpty - blocks[0], fixture.allocator.freeBlocks());
    }

    @Test
    void flagsTellCreateFromReplace() throws FsException {
        assertErrno(Errno.ENODATA, () -> set("user.a", new byte[1], Xattrs.XATTR_REPLACE));
        set("user.a", new byte[1], Xattrs.XATTR_CREATE);
        assertErrno(Errno.EEXIST, () -> set("user.a", new byte[2], Xattrs.XATTR_CREATE));
        model.put("user.a", new byte[1]);
        compare();
        set("user.a", new byte[3], Xattrs.XATTR_REPLACE);
        compare();
    }

    @Test
    void namesAndValuesAreBounded() throws FsException {
        assertErrno(Errno.ERANGE, () -> set("", new byte[1], 0));
        assertErrno(Errno.ERANGE, () -> set("x".repeat(256), new byte[1], 0));
        assertErrno(Errno.E2BIG, () -> set("user.a", new byte[65_537], 0));
        model.clear();
        set("x".repeat(255), new byte[65_536], 0);
        compare();
        assertErrno(Errno.ENODATA, () -> fixture.xattrs.get(inode, bytes("x".repeat(254))));
    }

    @Test
    void aValueInTheWorstFragmentsIsStored() throws FsException {
        fixture.change(
                tx -> {
                    long[] singles = new long[200];
                    for (int i = 0; i < singles.length; i++) {
                        singles[i] = fixture.allocator.allocate(tx, 0, 1);
                    }
                    for (int i = 0; i < singles.length; i += 2) {
                        fixture.allocator.free(tx, singles[i]);
                    }
                });
        fixture.commit();
        while (true) {
            try {
                fixture.change(
                        tx -> {
                            long extent = fixture.allocator.allocate(tx, 0, 2);
                            if (PackedExtent.length(extent) == 1) {
                                throw new FsException(Errno.ENOSPC, "only singles are left");
                            }
                        });
            } catch (FsException e) {
                break;
            }
        }
        byte[] value = new byte[65_536];
        random.nextBytes(value);
        set("user.a", value, 0);
        assertArrayEquals(value, fixture.xattrs.get(inode, bytes("user.a")));
    }

    @Test
    void aDamagedValueIsNotAnswered() throws FsException {
        byte[] value = new byte[5_000];
        random.nextBytes(value);
        set("user.a", value, 0);
        long[] last = new long[1];
        fixture.xattrs.visitExtents(inode, extent -> last[0] = extent);
        long offset = (PackedExtent.start(last[0]) << Geometry.BLOCK_SHIFT) + 4_500;
        fixture.region.putInt(offset, ~fixture.region.getInt(offset));
        assertErrno(Errno.EUCLEAN, () -> fixture.xattrs.get(inode, bytes("user.a")));
    }
}
