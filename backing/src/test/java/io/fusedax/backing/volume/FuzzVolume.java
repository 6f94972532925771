package io.fusedax.backing.volume;

import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Checksums;
import io.fusedax.backing.inode.Inode;
import io.fusedax.backing.journal.CommitCause;
import io.fusedax.backing.region.ArrayRegion;
import java.time.Instant;
import java.util.Arrays;
import java.util.UUID;
import jnr.constants.platform.Errno;

/**
 * Small volumes with some of every structure, the same bytes in every run: a committed corpus means
 * what it meant when it was found.
 */
final class FuzzVolume {
    static final VolumeOptions OPTIONS =
            VolumeOptions.defaults()
                    .withCommitIntervalMillis(0)
                    .withAtime(VolumeOptions.AtimeMode.NOATIME)
                    .withCaches(64 << 10, 64) // smaller than what there is
                    .withClock(() -> Instant.ofEpochSecond(1_700_000_100));

    static final Checksums CHECKSUMS = new Checksums(new UUID(7, 9));

    private static final int REGION_BYTES = 1 << 20;
    private static final int JOURNAL_BYTES = 256 << 10;

    /** More than a leaf holds of the longest names: the directory's tree has a node. */
    private static final int NAMES = 150;

    private FuzzVolume() {}

    /** The volumes that an input may choose from. */
    static byte[][] images() throws FsException {
        return new byte[][] {unmounted(), killed(), full()};
    }

    private static byte[] empty() throws FsException {
        byte[] image = new byte[REGION_BYTES];
        VolumeFormatter.format(
                new ArrayRegion(image),
                new FormatOptions(
                        new UUID(7, 9), "fuzz", JOURNAL_BYTES, 0, 0, 3, 4, 1_700_000_000));
        return image;
    }

    private static byte[] unmounted() throws FsException {
        byte[] image = empty();
        Volume volume = Volume.open(new ArrayRegion(image), OPTIONS);
        populate(volume);
        volume.close();
        return image;
    }

    /** The log holds transactions, and the orphan directory a file that was open. */
    private static byte[] killed() throws FsException {
        byte[] image = unmounted();
        Volume volume = Volume.open(new ArrayRegion(image), OPTIONS);
        long open = file(volume, "open", 5000);
        volume.acquire(open);
        volume.sync(CommitCause.SYNC);
        byte[] name = bytes("open");
        volume.unlink(Volume.ROOT_INODE, name, 0, name.length);
        file(volume, "late", 100);
        volume.sync(CommitCause.SYNC);
        byte[] dead = image.clone();
        volume.close();
        return dead;
    }

    /** No free block, so that a repair or a change must do without. */
    private static byte[] full() throws FsException {
        byte[] image = unmounted();
        Volume volume = Volume.open(new ArrayRegion(image), OPTIONS);
        long ballast = file(volume, "ballast", 1);
        byte[] block = new byte[4096];
        try {
            for (long at = 0; ; at += block.length) {
                volume.write(ballast, at, block, 0, block.length, 0, Caller.ROOT);
            }
        } catch (FsException e) {
            if (e.errno() != Errno.ENOSPC) {
                throw e;
            }
        }
        volume.close();
        return image;
    }

    private static byte[] bytes(String text) {
        return CheckFixture.bytes(text);
    }

    private static long file(Volume volume, String name, int sizeBytes) throws FsException {
        long inode = make(volume, Volume.ROOT_INODE, name, Inode.S_IFREG | 0644);
        byte[] content = new byte[sizeBytes];
        Arrays.fill(content, (byte) name.charAt(0));
        volume.write(inode, 0, content, 0, sizeBytes, 0, Caller.ROOT);
        return inode;
    }

    private static long make(Volume volume, long parent, String name, int mode) throws FsException {
        byte[] bytes = bytes(name);
        return (mode & Inode.S_IFMT) == Inode.S_IFDIR
                ? volume.mkdir(parent, bytes, 0, bytes.length, mode, Caller.ROOT)
                : volume.mknod(parent, bytes, 0, bytes.length, mode, 0x105, Caller.ROOT);
    }

    private static void populate(Volume volume) throws FsException {
        long plain = file(volume, "plain", 10_000);
        long fragmented = file(volume, "fragmented", 100);
        for (int i = 1; i < 12; i++) { // more extents than an inode holds
            volume.write(fragmented, i * 8192L, bytes("part" + i), 0, 5, 0, Caller.ROOT);
        }
        long unwritten = file(volume, "unwritten", 100);
        volume.fallocate(unwritten, 1, 0, 20_000, Caller.ROOT);
        long directory = make(volume, Volume.ROOT_INODE, "directory", Inode.S_IFDIR | 0755);
        long sub = make(volume, directory, "sub", Inode.S_IFDIR | 0700);
        make(volume, sub, "chr", 0020600);
        make(volume, sub, "fifo", 0010600);
        for (int length : new int[] {30, 1000}) {
            byte[] name = bytes("symlink" + length);
            byte[] target = bytes("t".repeat(length));
            volume.symlink(sub, name, 0, name.length, target, Caller.ROOT);
        }
        addNames(volume, plain);
        addAttributes(volume, plain, directory);
        removeSome(volume, sub);
    }

    private static void addNames(Volume volume, long inode) throws FsException {
        long wide = make(volume, Volume.ROOT_INODE, "wide", Inode.S_IFDIR | 0755);
        for (int i = 0; i < NAMES; i++) {
            byte[] name = bytes("n" + i + "x".repeat(240));
            volume.link(inode, wide, name, 0, name.length);
        }
    }

    private static void addAttributes(Volume volume, long file, long directory) throws FsException {
        for (int i = 0; i < 3; i++) { // more than one block of them
            volume.setxattr(file, bytes("user.small" + i), new byte[1500], 0);
        }
        volume.setxattr(file, bytes("user.large"), new byte[9000], 0);
        byte[] list = new byte[4 + 3 * 8];
        list[0] = 2;
        for (int i = 0; i < 3; i++) { // owner, group, others
            list[4 + 8 * i] = new byte[] {1, 4, 0x20}[i];
            list[6 + 8 * i] = 6;
        }
        volume.setxattr(directory, AccessControlList.DEFAULT, list, 0);
    }

    /** Free inodes, and entries that are deleted. */
    private static void removeSome(Volume volume, long directory) throws FsException {
        for (int i = 0; i < 5; i++) {
            make(volume, directory, "gone" + i, Inode.S_IFREG | 0600);
        }
        for (int i = 0; i < 5; i++) {
            byte[] name = bytes("gone" + i);
            volume.unlink(directory, name, 0, name.length);
        }
    }
}
