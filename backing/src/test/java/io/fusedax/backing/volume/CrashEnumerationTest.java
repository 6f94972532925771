package io.fusedax.backing.volume;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.fusedax.backing.FsException;
import io.fusedax.backing.journal.CommitCause;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.UUID;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Every kind of transaction is cut at every store, flush and drain: what is there afterwards is the
 * tree before the operation or the tree after it, and the one after it once the commit returned.
 */
class CrashEnumerationTest {
    private static final int REGION_BYTES = 2 << 20;
    private static final int IMAGE_KINDS = 7;
    private static final VolumeOptions OPTIONS =
            VolumeOptions.defaults()
                    .withCommitIntervalMillis(0)
                    .withAtime(VolumeOptions.AtimeMode.NOATIME)
                    .withCaches(1 << 20, 64);

    /** Operations on the tree that {@link #populate} makes. */
    enum Operation {
        NOTHING((v, n) -> {}),
        CREATE((v, n) -> v.mknod(2, b("new"), 0, 3, 0100644, 0, Caller.ROOT)),
        MKNOD((v, n) -> v.mknod(2, b("dev"), 0, 3, 0020600, 0x105, Caller.ROOT)),
        MKDIR((v, n) -> v.mkdir(n.dir, b("sub2"), 0, 4, 0755, Caller.ROOT)),
        SYMLINK((v, n) -> v.symlink(2, b("ln"), 0, 2, b("target"), Caller.ROOT)),
        LONG_SYMLINK((v, n) -> v.symlink(2, b("ln"), 0, 2, new byte[1000], Caller.ROOT)),
        LINK((v, n) -> v.link(n.file, n.dir, b("hard"), 0, 4)),
        UNLINK((v, n) -> v.unlink(2, b("file"), 0, 4)),
        UNLINK_FRAGMENTED((v, n) -> v.unlink(2, b("frag"), 0, 4)),
        UNLINK_OPEN(
                (v, n) -> {
                    v.acquire(n.file);
                    v.unlink(2, b("file"), 0, 4);
                }),
        RMDIR((v, n) -> v.rmdir(n.dir, b("sub"), 0, 3)),
        RENAME((v, n) -> v.rename(2, b("file"), 0, 4, n.dir, b("moved"), 0, 5, 0)),
        RENAME_OVER((v, n) -> v.rename(2, b("file"), 0, 4, 2, b("frag"), 0, 4, 0)),
        RENAME_DIRECTORY((v, n) -> v.rename(n.dir, b("sub"), 0, 3, 2, b("up"), 0, 2, 0)),
        EXCHANGE((v, n) -> v.rename(2, b("file"), 0, 4, n.dir, b("sub"), 0, 3, 2)),
        WHITEOUT((v, n) -> v.rename(2, b("file"), 0, 4, n.dir, b("moved"), 0, 5, 4)),
        APPEND((v, n) -> v.write(n.file, 0, new byte[9000], 0, 9000, 1, Caller.ROOT)),
        WRITE_HOLE((v, n) -> v.write(n.file, 50_000, b("xyz"), 0, 3, 0, Caller.ROOT)),
        WRITE_UNWRITTEN((v, n) -> v.write(n.prealloc, 5000, b("xyz"), 0, 3, 0, Caller.ROOT)),
        GROW((v, n) -> v.setattr(n.file, size(100_000), Caller.ROOT, new InodeAttributes())),
        SHRINK((v, n) -> v.setattr(n.file, size(4096), Caller.ROOT, new InodeAttributes())),
        SHRINK_FRAGMENTED(
                (v, n) -> v.setattr(n.frag, size(8192), Caller.ROOT, new InodeAttributes())),
        PREALLOCATE((v, n) -> v.fallocate(n.file, 0, 0, 100_000, Caller.ROOT)),
        PUNCH((v, n) -> v.fallocate(n.file, 3, 4096, 4096, Caller.ROOT)),
        COLLAPSE((v, n) -> v.fallocate(n.frag, 8, 4096, 8192, Caller.ROOT)),
        INSERT((v, n) -> v.fallocate(n.frag, 0x20, 4096, 8192, Caller.ROOT)),
        FAULT_HOLE((v, n) -> store(v, n.file, 12_288, false)),
        FAULT_HOLE_SYNC((v, n) -> store(v, n.file, 12_288, true)),
        FAULT_UNWRITTEN((v, n) -> store(v, n.prealloc, 8192, false)),
        FAULT_UNWRITTEN_SYNC((v, n) -> store(v, n.prealloc, 8192, true)),
        CHMOD(
                (v, n) ->
                        v.setattr(
                                n.file,
                                new SetAttributes().mode(0600).uid(7).gid(8),
                                Caller.ROOT,
                                new InodeAttributes())),
        SET_FLAGS((v, n) -> v.setFlags(n.file, InodeFlags.DAX, Caller.ROOT)),
        SET_XATTR((v, n) -> v.setxattr(n.file, b("user.a"), b("value"), 0)),
        SET_LONG_XATTR((v, n) -> v.setxattr(n.file, b("user.b"), new byte[20_000], 0)),
        REPLACE_XATTR((v, n) -> v.setxattr(n.prealloc, b("user.c"), new byte[9_000], 0)),
        REMOVE_XATTR((v, n) -> v.removexattr(n.prealloc, b("user.c"))),
        ADD_XATTR_BLOCK(
                (v, n) -> {
                    for (int i = 8; i < 17; i++) {
                        v.setxattr(n.prealloc, b("user.p" + i), new byte[480], 0);
                    }
                }),
        FREE_XATTR_BLOCK((v, n) -> v.removexattr(n.prealloc, b("user.p7"))),
        UNLINK_TWO_XATTR_BLOCKS((v, n) -> v.unlink(2, b("prealloc"), 0, 8)),
        TMPFILE((v, n) -> v.tmpfile(n.dir, 0100600, true, Caller.ROOT)),
        LINK_TMPFILE(
                (v, n) -> {
                    long file = v.tmpfile(n.dir, 0100600, true, Caller.ROOT);
                    v.write(file, 0, b("content"), 0, 7, 0, Caller.ROOT);
                    v.link(file, n.dir, b("named"), 0, 5);
                    v.release(file);
                }),
        SET_ACL((v, n) -> v.setAcl(n.file, AccessControlList.ACCESS, acl(), false)),
        INHERIT_ACL(
                (v, n) -> {
                    v.setAcl(n.dir, AccessControlList.DEFAULT, acl(), false);
                    v.mkdir(n.dir, b("heir"), 0, 4, 0755, Caller.ROOT);
                }),
        SPLIT_DIRECTORY(
                (v, n) -> {
                    byte[] name = b("split-this-directory-leaf-with-a-long-name".repeat(5));
                    v.mknod(n.full, name, 0, name.length, 0100644, 0, Caller.ROOT);
                });

        private final Action action;

        Operation(Action action) {
            this.action = action;
        }

        private static SetAttributes size(long bytes) {
            return new SetAttributes().size(bytes);
        }
    }

    /** A first store through a mapping: the fault only, the size is there already. */
    private static void store(Volume v, long inode, long offset, boolean sync) throws FsException {
        Fault fault = new Fault();
        fault.offset = offset;
        fault.areaEnd = 1 << 20;
        fault.address = 4096;
        fault.write = true;
        v.fault(inode, fault);
        if (sync) {
            v.commitInode(inode, CommitCause.FAULT);
        }
    }

    private static byte[] acl() {
        return AccessControlListTest.acl("u:7", "U:6:42", "g:5", "m:7", "o:0");
    }

    private interface Action {
        void run(Volume volume, Nodes nodes) throws FsException;
    }

    private record Nodes(long file, long frag, long prealloc, long dir, long full) {}

    private static byte[] b(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static Nodes populate(Volume v) throws FsException {
        long file = v.mknod(2, b("file"), 0, 4, 0100644, 0, Caller.ROOT);
        byte[] content = new byte[10_000];
        new Random(1).nextBytes(content);
        v.write(file, 0, content, 0, content.length, 0, Caller.ROOT);
        v.setattr(file, new SetAttributes().size(20_000), Caller.ROOT, new InodeAttributes());
        long frag = v.mknod(2, b("frag"), 0, 4, 0100644, 0, Caller.ROOT);
        for (int i = 0; i < 20; i++) {
            v.write(frag, i * 8192L, content, i, 100, 0, Caller.ROOT);
        }
        long prealloc = v.mknod(2, b("prealloc"), 0, 8, 0100644, 0, Caller.ROOT);
        v.fallocate(prealloc, 0, 0, 40_000, Caller.ROOT);
        v.setxattr(prealloc, b("user.c"), new byte[5_000], 0);
        for (int i = 0; i < 8; i++) { // a block takes seven of them
            v.setxattr(prealloc, b("user.p" + i), new byte[480], 0);
        }
        long dir = v.mkdir(2, b("dir"), 0, 3, 0755, Caller.ROOT);
        v.mkdir(dir, b("sub"), 0, 3, 0755, Caller.ROOT);
        long full = v.mkdir(2, b("full"), 0, 4, 0755, Caller.ROOT);
        for (int i = 0; i < 17; i++) {
            byte[] name = b("n" + i + "x".repeat(200));
            v.mknod(full, name, 0, name.length, 0100644, 0, Caller.ROOT);
        }
        return new Nodes(file, frag, prealloc, dir, full);
    }

    @ParameterizedTest
    @EnumSource(Operation.class)
    void everyOperationIsAllOrNothingAtEveryPowerLoss(Operation operation) throws FsException {
        long seed = Long.getLong("fusedax.seed", operation.ordinal() + 1);
        System.out.println("operation " + operation + " seed " + seed);
        CrashRegion region = new CrashRegion(REGION_BYTES);
        VolumeFormatter.format(
                region, new FormatOptions(new UUID(1, 2), "", 0, 0, 0, 3, 4, 1_700_000_000));
        Volume volume = Volume.open(region, OPTIONS);
        Nodes nodes = populate(volume);
        volume.sync(CommitCause.SYNC);
        Map<String, String> before = TreeSnapshot.of(volume);

        region.record();
        operation.action.run(volume, nodes);
        volume.sync(CommitCause.SYNC);
        int committed = region.cuts() - 1;
        region.stopRecording();
        Map<String, String> after = TreeSnapshot.of(volume);

        Random random = new Random(seed);
        for (int cut = 0; cut <= committed; cut++) {
            for (int kind = 0; kind < IMAGE_KINDS; kind++) {
                byte[] image = image(region, cut, kind, random);
                String where = operation + " seed " + seed + " cut " + cut + " image " + kind;
                check(where, image, before, after, cut == committed);
            }
        }
    }

    private static byte[] image(CrashRegion region, int cut, int kind, Random random) {
        return switch (kind) {
            case 0 -> region.imageOfAllStores(cut);
            case 1 -> region.imageOfDurableStores(cut, random, 0);
            case 2 -> region.imageOfDurableStores(cut, random, 50);
            case 3 -> region.imageOfDurableStores(cut, random, 95);
            default -> region.imageWithoutOneStore(cut, random);
        };
    }

    private static void assertSameTree(
            Map<String, String> expected, Map<String, String> actual, String where) {
        Map<String, String> missing = new TreeMap<>(expected);
        missing.entrySet().removeAll(actual.entrySet());
        Map<String, String> unexpected = new TreeMap<>(actual);
        unexpected.entrySet().removeAll(expected.entrySet());
        assertEquals(missing, unexpected, where);
    }

    private static void check(
            String where,
            byte[] image,
            Map<String, String> before,
            Map<String, String> after,
            boolean mustBeAfter)
            throws FsException {
        Volume recovered = Volume.open(new CrashRegion(image), OPTIONS);
        Map<String, String> tree = TreeSnapshot.of(recovered);
        if (mustBeAfter) {
            assertSameTree(after, tree, where);
        } else if (!tree.equals(before)) {
            assertSameTree(after, tree, where);
        }
        recovered.close();
        Volume again = Volume.open(new CrashRegion(image), OPTIONS);
        assertSameTree(tree, TreeSnapshot.of(again), where + ", second recovery");
    }
}
