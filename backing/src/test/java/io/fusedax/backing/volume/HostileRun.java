package io.fusedax.backing.volume;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.FsException;
import io.fusedax.backing.journal.CommitCause;
import io.fusedax.backing.region.Region;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import jnr.constants.platform.Errno;

/**
 * All operations on all inodes of a volume whose structures may lie: every one works or fails with
 * an errno, and EUCLEAN names what is wrong.
 */
final class HostileRun {
    static final Pattern PLACE = Pattern.compile("at offset \\d+|of inode \\d+ at block \\d+");

    /** What may fail as the volume is damaged. */
    @FunctionalInterface
    private interface Step {
        void run() throws FsException;
    }

    private final String where;
    private final VolumeOptions options;
    private final int directories;
    private final int most;
    private final byte[] buffer = new byte[1 << 16];
    private Volume volume;
    private int failures;
    private boolean changing;

    /**
     * @param where what was damaged, for messages
     * @param directories how many are made in each directory: enough fill a leaf
     * @param names how many of each directory are removed or moved
     */
    HostileRun(String where, VolumeOptions options, int directories, int names) {
        this.where = where;
        this.options = options;
        this.directories = directories;
        this.most = names;
    }

    private void step(String what, Step step) {
        try {
            step.run();
        } catch (FsException e) {
            boolean named = e.errno() != Errno.EUCLEAN || PLACE.matcher(e.getMessage()).find();
            assertTrue(named, () -> where + ": " + what + ": " + e.getMessage());
            failures++;
            if (e.errno() == Errno.EUCLEAN && changing) {
                volume.fail(what, e); // as a mount does
            }
        } catch (RuntimeException | StackOverflowError e) {
            throw new AssertionError(where + ": " + what, e);
        }
    }

    /**
     * @param known inodes that are tried even if no name leads to them
     */
    void everything(Region region, Collection<Long> known) {
        step("open", () -> volume = Volume.open(region, options));
        if (volume == null) {
            assertEquals(1, failures);
            return;
        }
        Set<Long> inodes = new LinkedHashSet<>();
        inodes.add(Volume.ROOT_INODE);
        for (List<Long> next = List.copyOf(inodes); !next.isEmpty(); ) {
            List<Long> found = new ArrayList<>();
            for (long inode : next) {
                step("list", () -> list(inode, found));
            }
            next = found.stream().filter(inodes::add).toList();
        }
        inodes.addAll(known);
        for (long inode : inodes) {
            read(inode);
        }
        changing = true;
        for (long inode : inodes) {
            change(inode);
        }
        for (long inode : inodes) {
            remove(inode);
        }
        step("statfs", () -> volume.statfs());
        step("close", () -> volume.close());
    }

    private void list(long inode, List<Long> found) throws FsException {
        volume.readdir(inode, 0, (name, offset, length, child, type, next) -> found.add(child));
    }

    private void read(long inode) {
        step("getattr", () -> volume.getattr(inode, new InodeAttributes()));
        step("read", () -> volume.read(inode, 0, buffer, 0, buffer.length));
        step("read", () -> volume.read(inode, 4 << 20, buffer, 0, buffer.length));
        step("readlink", () -> volume.readlink(inode));
        step("seek", () -> volume.seek(inode, 0, false));
        step("seek", () -> volume.seek(inode, 5000, true));
        step("extents", () -> volume.extents(inode, 0, (logical, physical, length, u) -> true));
        step("flags", () -> volume.getFlags(inode));
        step("getxattr", () -> volume.getxattr(inode, CheckFixture.bytes("user.large")));
        step("listxattr", () -> volume.listxattr(inode));
    }

    private void change(long inode) {
        byte[] some = new byte[9000];
        Caller root = Caller.ROOT;
        byte[] name = CheckFixture.bytes("new" + inode);
        step("write", () -> volume.write(inode, 3000, some, 0, some.length, 0, root));
        step("punch", () -> volume.fallocate(inode, 3, 4096, 9000, root));
        step("allocate", () -> volume.fallocate(inode, 0, 1 << 20, 9000, root));
        step("collapse", () -> volume.fallocate(inode, 8, 0, 4096, root));
        step("insert", () -> volume.fallocate(inode, 32, 4096, 4096, root));
        step("zero", () -> volume.fallocate(inode, 16, 100, 20_000, root));
        step("set", () -> volume.setxattr(inode, CheckFixture.bytes("user.new"), some, 0));
        step("drop", () -> volume.removexattr(inode, CheckFixture.bytes("user.small")));
        step("mknod", () -> volume.mknod(inode, name, 0, name.length, 0100644, 0, root));
        for (int i = 0; i < directories; i++) {
            byte[] many = CheckFixture.bytes("x".repeat(100) + i);
            step("mkdir", () -> volume.mkdir(inode, many, 0, many.length, 0755, root));
        }
        step("link", () -> volume.link(inode, 2, name, 0, name.length));
        step("sync", () -> volume.sync(CommitCause.SYNC));
    }

    private void remove(long inode) {
        List<byte[]> names = new ArrayList<>();
        step(
                "names",
                () ->
                        volume.readdir(
                                inode,
                                2,
                                (bytes, offset, length, child, type, next) ->
                                        names.add(
                                                Arrays.copyOfRange(
                                                        bytes, offset, offset + length))));
        byte[] to = CheckFixture.bytes("moved" + inode);
        int count = 0;
        for (byte[] name : names.subList(0, Math.min(most, names.size()))) {
            step("lookup", () -> volume.lookup(inode, name, 0, name.length));
            if (count++ % 7 == 0) {
                step(
                        "rename",
                        () -> volume.rename(inode, name, 0, name.length, 2, to, 0, to.length, 0));
            } else if (count % 3 != 0) {
                step("unlink", () -> volume.unlink(inode, name, 0, name.length));
                step("rmdir", () -> volume.rmdir(inode, name, 0, name.length));
            }
        }
        SetAttributes changes = new SetAttributes().size(100);
        step("truncate", () -> volume.setattr(inode, changes, Caller.ROOT, new InodeAttributes()));
    }
}
