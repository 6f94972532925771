package io.fusedax.backing.namespace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.FsException;
import io.fusedax.backing.format.DentryLayout;
import io.fusedax.backing.format.DirectoryLeafLayout;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.Seed;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.inode.Inode;
import io.fusedax.backing.inode.InodeFixture;
import io.fusedax.backing.inode.RecordTree;
import io.fusedax.backing.inode.TreeRecord;
import io.fusedax.backing.journal.MetaBuffer;
import io.fusedax.backing.journal.Transaction;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A directory against a map. */
class DirectoryTest {
    private static final int MANY = 30_000;
    private static final int ORDINALS = 16;

    private final Random random = Seed.random("DirectoryTest");
    private InodeFixture fixture;
    private Directory directory;
    private Inode inode;
    private Map<String, Long> model = new HashMap<>();
    private long freeBlocksWhenEmpty;

    @BeforeEach
    void format() throws FsException {
        fixture = new InodeFixture(64 << 20, 0);
        directory = new Directory(fixture.journal.cache(), fixture.allocator, fixture.tree);
        inode = fixture.newInode(Inode.S_IFDIR);
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

    private boolean find(String name, Dentry out) throws FsException {
        byte[] bytes = bytes("((" + name + "))");
        return directory.find(inode, bytes, 2, bytes.length - 4, out);
    }

    private void insert(Transaction tx, String name, long number) throws FsException {
        byte[] bytes = bytes("<" + name + ">");
        directory.insert(tx, inode, bytes, 1, bytes.length - 2, number, (int) number % 16);
        model.put(name, number);
    }

    private void remove(Transaction tx, String name) throws FsException {
        Dentry found = new Dentry();
        assertTrue(find(name, found), name);
        directory.remove(tx, inode, found);
        model.remove(name);
    }

    private void insert(String name) throws FsException {
        long number = 4L + random.nextInt(1 << 30);
        fixture.change(tx -> insert(tx, name, number));
    }

    private void remove(String name) throws FsException {
        fixture.change(tx -> remove(tx, name));
    }

    private void compareName(String name) throws FsException {
        Dentry found = new Dentry();
        Long expected = model.get(name);
        assertEquals(expected != null, find(name, found), name);
        if (expected != null) {
            assertEquals(expected, found.inode, name);
            assertEquals(expected % 16, found.type, name);
        }
    }

    private Map<String, Long> list() throws FsException {
        Map<String, Long> listed = new HashMap<>();
        long[] last = {Directory.FIRST_KEY - 1};
        directory.visit(
                inode,
                last[0],
                (leaf, offset, length, number, type, key) -> {
                    assertTrue(key > last[0], "keys ascend");
                    last[0] = key;
                    String name = new String(leaf, offset, length, StandardCharsets.UTF_8);
                    assertEquals(null, listed.put(name, number), "twice: " + name);
                    assertEquals(number % 16, type);
                    return true;
                });
        return listed;
    }

    private void compareAll() throws FsException {
        assertEquals(model, list());
        for (String name : model.keySet()) {
            compareName(name);
        }
        assertEquals(model.isEmpty(), directory.isEmpty(inode));
        compareSpace();
    }

    /** What the leaves say of themselves, and that no block is lost. */
    private void compareSpace() throws FsException {
        TreeRecord record = new TreeRecord();
        long leaves = 0;
        long next = 0;
        long live = 0;
        while (fixture.tree.ceiling(inode, next, record)) {
            assertTrue(leaves > 0 || record.key == 0, "the first leaf begins at 0");
            MetaBuffer leaf =
                    fixture.journal
                            .cache()
                            .load(StructureType.DIRECTORY_LEAF, record.value, inode.number());
            assertTrue(leaf.getU16(DirectoryLeafLayout.LIVE_COUNT) > 0, "an empty leaf");
            live += leaf.getU16(DirectoryLeafLayout.LIVE_COUNT);
            leaves++;
            next = record.key + 1;
        }
        long[] nodes = new long[1];
        fixture.tree.visitNodes(inode, (block, level) -> nodes[0]++);
        assertEquals(model.size(), live);
        assertEquals(leaves * DirectoryLeafLayout.SIZE_BYTES, inode.sizeBytes());
        assertEquals(leaves + nodes[0], inode.buffer().getLong(InodeLayout.BLOCK_COUNT));
        long free = fixture.allocator.freeBlocks();
        assertEquals(freeBlocksWhenEmpty - leaves - nodes[0], free);
    }

    private String randomName(int space) {
        int number = random.nextInt(space);
        int padding = number % 7 == 0 ? 200 : number % 30;
        String name = number + "-" + "é".repeat(padding / 2);
        return name.length() > 100 ? name : name + "x".repeat(number % 40);
    }

    @Test
    void tensOfThousandsOfNamesInAndOut() throws FsException {
        List<String> names = new ArrayList<>();
        for (int i = 0; i < MANY; i++) {
            String name = "file-" + i + (i % 50 == 0 ? "y".repeat(240) : "");
            names.add(name);
            insert(name);
        }
        assertTrue(RecordTree.height(inode) >= 1);
        compareAll();
        Collections.shuffle(names, random);
        for (String name : names.subList(0, MANY - 100)) {
            remove(name);
        }
        compareAll();
        for (String name : names.subList(MANY - 100, MANY)) {
            remove(name);
            compareSpace();
        }
        compareAll();
        assertEquals(0, inode.buffer().getLong(InodeLayout.BLOCK_COUNT));
        fixture.commit();
        assertEquals(freeBlocksWhenEmpty, fixture.allocator.freeBlocks());
    }

    @Test
    void anyHistoryAgreesWithTheModel() throws FsException {
        for (int target : new int[] {30, 2, 600, 0, 2_000, 10}) {
            while (model.size() != target) {
                batch(target);
                if (random.nextInt(100) == 0) {
                    fixture.commit();
                }
            }
            compareAll();
            fixture.commit();
            fixture.reopen();
            directory = new Directory(fixture.journal.cache(), fixture.allocator, fixture.tree);
            inode = fixture.table.pin(inode.number());
            compareAll();
        }
    }

    private void batch(int target) throws FsException {
        Map<String, Long> before = null;
        boolean keep = random.nextInt(10) > 0;
        if (!keep) {
            before = new HashMap<>(model);
        }
        InodeFixture.Change steps =
                tx -> {
                    for (int i = random.nextInt(6); i >= 0 && model.size() != target; i--) {
                        step(tx, target);
                    }
                };
        if (keep) {
            fixture.change(steps);
        } else {
            fixture.discard(steps);
            model = before;
            compareSpace();
        }
        compareName(randomName(4_000));
    }

    private void step(Transaction tx, int target) throws FsException {
        String name = randomName(4_000);
        boolean grow = random.nextInt(10) < (model.size() < target ? 8 : 2);
        long number = 4L + random.nextInt(1 << 30);
        if (!model.containsKey(name)) {
            if (grow) {
                insert(tx, name, number);
            } else if (!model.isEmpty()) {
                remove(tx, model.keySet().iterator().next());
            }
        } else if (grow) {
            Dentry found = new Dentry();
            assertTrue(find(name, found));
            directory.replace(tx, inode, found, number, (int) number % 16);
            model.put(name, number);
        } else {
            remove(tx, name);
        }
        compareName(name);
    }

    /** A listing in small pieces, while other names come and go and leaves split and go. */
    @Test
    void aListingSeesEveryNameThatStaysExactlyOnce() throws FsException {
        for (int i = 0; i < 2_000; i++) {
            insert("stays-" + i);
            insert("goes-" + i);
        }
        Set<String> stay = new TreeSet<>();
        model.keySet().stream().filter(name -> name.startsWith("stays")).forEach(stay::add);
        List<String> seen = new ArrayList<>();
        long cookie = Directory.FIRST_KEY - 1;
        int round = 0;
        while (true) {
            List<Long> keys = new ArrayList<>();
            int batch = 1 + random.nextInt(100);
            directory.visit(
                    inode,
                    cookie,
                    (leaf, offset, length, number, type, key) -> {
                        if (keys.size() == batch) {
                            return false;
                        }
                        keys.add(key);
                        seen.add(new String(leaf, offset, length, StandardCharsets.UTF_8));
                        return true;
                    });
            if (keys.isEmpty()) {
                break;
            }
            cookie = keys.get(keys.size() - 1);
            for (int i = 0; i < 40; i++) {
                String name = "goes-" + random.nextInt(2_000);
                if (model.containsKey(name)) {
                    remove(name);
                }
                insert("comes-" + round + "-" + i + "z".repeat(random.nextInt(200)));
            }
            round++;
        }
        assertEquals(seen.size(), new HashSet<>(seen).size(), "a name twice");
        seen.removeIf(name -> !name.startsWith("stays"));
        assertEquals(stay, new TreeSet<>(seen));
        assertTrue(round > 20, "rounds " + round);
        compareAll();
    }

    /** Nobody finds names with equal hashes, so this forges them. All begin in one leaf. */
    @Test
    void namesWithOneHashAreKeptApartByAnOrdinal() throws FsException {
        String last = "wanted" + "w".repeat(240);
        long firstKey = directory.firstKeyOf(bytes(last), 0, bytes(last).length);
        int oneLeaf = 14;
        for (int ordinal = 0; ordinal < oneLeaf; ordinal++) {
            String name = "forged-" + ordinal + "-" + "f".repeat(238);
            insert(name);
            forgeKey(name, firstKey + ordinal);
        }
        insert(last);
        Dentry found = new Dentry();
        assertTrue(find(last, found));
        assertEquals(firstKey + oneLeaf, found.key, "the first free ordinal");
        assertEquals(2 * DirectoryLeafLayout.SIZE_BYTES, inode.sizeBytes());
        assertEquals(model, list());
        String tooMany = "too-many";
        long key = directory.firstKeyOf(bytes(tooMany), 0, tooMany.length());
        assertFalse(find(tooMany, found));
        forgeAll(key);
        FsException e = assertThrows(FsException.class, () -> insert(tooMany));
        assertEquals(Errno.ENOSPC, e.errno());
    }

    private void forgeKey(String name, long key) throws FsException {
        Dentry found = new Dentry();
        assertTrue(find(name, found));
        long oldKey = found.key;
        TreeRecord record = new TreeRecord();
        assertTrue(fixture.tree.floor(inode, oldKey, record));
        MetaBuffer leaf =
                fixture.journal
                        .cache()
                        .load(StructureType.DIRECTORY_LEAF, record.value, inode.number());
        int at = DirectoryLeafLayout.ENTRIES;
        while (leaf.getLong(at + DentryLayout.KEY) != oldKey) {
            at += DentryLayout.sizeBytes(leaf.getU8(at + DentryLayout.NAME_LENGTH));
        }
        int entry = at;
        fixture.change(tx -> tx.putLong(leaf, entry + DentryLayout.KEY, key));
    }

    /** Gives sixteen names all the keys of a hash, in the leaf where that hash belongs. */
    private void forgeAll(long firstKey) throws FsException {
        TreeRecord record = new TreeRecord();
        assertTrue(fixture.tree.floor(inode, firstKey, record));
        MetaBuffer leaf =
                fixture.journal
                        .cache()
                        .load(StructureType.DIRECTORY_LEAF, record.value, inode.number());
        fixture.change(
                tx -> {
                    int used = leaf.getU16(DirectoryLeafLayout.USED_BYTES);
                    for (int ordinal = 0; ordinal < ORDINALS; ordinal++) {
                        int size = DentryLayout.sizeBytes(1);
                        tx.zero(leaf, used, size);
                        tx.putLong(leaf, used + DentryLayout.KEY, firstKey + ordinal);
                        tx.putLong(leaf, used + DentryLayout.INODE, 4);
                        tx.putByte(leaf, used + DentryLayout.NAME_LENGTH, 1);
                        tx.putByte(leaf, used + DentryLayout.NAME, 'a' + ordinal);
                        used += size;
                    }
                    tx.putShort(leaf, DirectoryLeafLayout.USED_BYTES, used);
                });
    }

    @Test
    void namesAreBounded() throws FsException {
        insert("n".repeat(255));
        FsException e = assertThrows(FsException.class, () -> insert("n".repeat(256)));
        assertEquals(Errno.ENAMETOOLONG, e.errno());
        model.remove("n".repeat(256));
        compareAll();
        compareName("n".repeat(254));
    }

    @Test
    void aNameKeepsItsKey() throws FsException {
        for (int i = 0; i < 200; i++) {
            insert("name-" + i + "-" + "k".repeat(100));
        }
        Map<String, Long> keys = new HashMap<>();
        Dentry found = new Dentry();
        for (String name : model.keySet()) {
            assertTrue(find(name, found));
            assertTrue(found.key >= Directory.FIRST_KEY && found.key < 1L << 62);
            keys.put(name, found.key);
        }
        for (int i = 0; i < 500; i++) {
            insert("more-" + i + "-" + "m".repeat(100));
        }
        for (Map.Entry<String, Long> entry : keys.entrySet()) {
            assertTrue(find(entry.getKey(), found));
            assertEquals(entry.getValue(), found.key);
        }
        assertThrows(
                FsException.class,
                () -> {
                    Dentry gone = new Dentry();
                    gone.key = 12345;
                    fixture.change(tx -> directory.remove(tx, inode, gone));
                });
    }
}
