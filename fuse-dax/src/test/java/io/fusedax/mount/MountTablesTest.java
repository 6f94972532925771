package io.fusedax.mount;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** The tables of a mount: handles, nodes, what may be cached, and the kernel's table of mounts. */
class MountTablesTest {
    private static final int FILE = 0100644;
    private static final int DIRECTORY = 040755;

    @Test
    void handleNumbersAreUniqueWhileInUseAndThenReused() {
        HandleTable table = new HandleTable();
        Set<Long> numbers = new HashSet<>();
        List<OpenHandle> handles = new ArrayList<>();
        for (int i = 0; i < 5000; i++) {
            OpenHandle handle = new OpenHandle(i, 0, 0);
            handles.add(handle);
            long number = table.add(handle);
            assertTrue(number > 0 && numbers.add(number));
            assertSame(handle, table.get(number));
        }
        for (long number : numbers) {
            assertTrue(handles.contains(table.remove(number)));
            assertNull(table.get(number));
            assertNull(table.remove(number));
        }
        assertTrue(numbers.contains(table.add(handles.get(0))));
        assertEquals(List.of(handles.get(0)), table.removeAll());
    }

    @Test
    void handleNumbersOutOfRangeAreNotInUse() {
        HandleTable table = new HandleTable();
        assertNull(table.get(0));
        assertNull(table.get(-1));
        assertNull(table.get(Long.MAX_VALUE));
        assertNull(table.remove(1L << 40));
    }

    @Test
    void anOpenNodeIsKnownUntilItsLastHandleIsClosed() {
        KnownNodes nodes = new KnownNodes(2);
        nodes.opened(77, 500);
        nodes.opened(77, 500);
        nodes.closed(77);
        assertEquals(500, nodes.pinnedInodeOf(77));
        nodes.forgetInode(500);
        nodes.forget(77);
        assertEquals(500, nodes.inodeOf(77));
        nodes.closed(77);
        assertEquals(0, nodes.inodeOf(77));
    }

    @Test
    void aLearnedNodeIsForgottenWithItsNumberOrItsInode() {
        KnownNodes nodes = new KnownNodes(2);
        nodes.learn(5, 50);
        assertEquals(50, nodes.inodeOf(5));
        assertEquals(0, nodes.pinnedInodeOf(5));
        nodes.forget(5);
        assertEquals(0, nodes.inodeOf(5));
        nodes.learn(5, 50);
        nodes.forgetInode(50);
        assertEquals(0, nodes.inodeOf(5));
        nodes.learn(5, 51);
        assertEquals(51, nodes.inodeOf(5));
    }

    @Test
    void nodesThatCollideInTheCacheAreNeverMistaken() {
        KnownNodes nodes = new KnownNodes(2);
        for (long i = 2; i < 100_000; i++) {
            nodes.learn(i, i * 31);
        }
        for (long i = 2; i < 100_000; i++) {
            long inode = nodes.inodeOf(i);
            assertTrue(inode == 0 || inode == i * 31);
        }
        assertEquals(2, nodes.inodeOf(KnownNodes.ROOT_NODE));
    }

    @Test
    void attributesOfFilesWithSeveralNamesAreNeverKept() {
        CachePolicy policy = new CachePolicy(1.5, 1, 0.25, true);
        assertEquals(1, policy.attributeSeconds());
        assertEquals(500_000_000, policy.attributeNanos());
        assertEquals(0, policy.absenceSeconds());
        assertEquals(250_000_000, policy.absenceNanos());
        assertTrue(policy.mayKeep(10, FILE, 1));
        assertTrue(policy.mayKeep(11, DIRECTORY, 7));
        assertFalse(policy.mayKeep(10, FILE, 2));
        assertFalse(policy.mayKeep(10, FILE, 1)); // had two
        policy.markAliased(12);
        assertFalse(policy.mayKeep(12, FILE, 1));
        assertTrue(policy.mayKeep(13, FILE, 1));
    }

    @Test
    void flagsTranslateBothWays() {
        int flags = FileFlags.FL_DAX | 0x80 | 0x80000; // 0x80000 has no second form
        int extended = FileFlags.toExtended(flags);
        assertEquals(FileFlags.XFLAG_DAX | 0x40, extended);
        assertEquals(flags, FileFlags.fromExtended(extended, flags));
        assertEquals(0x80000, FileFlags.fromExtended(0, flags));
        assertEquals(-1, FileFlags.fromExtended(1, flags)); // realtime
    }

    @Test
    void theTopmostMountOnAPathCounts() {
        List<String> table =
                List.of(
                        "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw",
                        "30 22 0:50 / /mnt/a\\040b rw - fuse.fusedax /r rw,user_id=0",
                        "31 22 0:51 / /mnt/c rw - fuse.fusedax /r rw,user_id=0",
                        "32 22 0:52 / /mnt/c rw - tmpfs none rw");
        assertEquals("fuse.fusedax", MountTable.typeOn("/mnt/a b", table));
        assertEquals("tmpfs", MountTable.typeOn("/mnt/c", table));
        assertEquals("", MountTable.typeOn("/mnt", table));
    }
}
