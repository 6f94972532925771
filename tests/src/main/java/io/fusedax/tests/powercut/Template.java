package io.fusedax.tests.powercut;

import io.fusedax.backing.Counter;
import io.fusedax.backing.FsException;
import io.fusedax.backing.journal.CommitCause;
import io.fusedax.backing.region.ArrayRegion;
import io.fusedax.backing.region.Region;
import io.fusedax.backing.volume.Caller;
import io.fusedax.backing.volume.FormatOptions;
import io.fusedax.backing.volume.InodeAttributes;
import io.fusedax.backing.volume.SetAttributes;
import io.fusedax.backing.volume.Volume;
import io.fusedax.backing.volume.VolumeFormatter;
import io.fusedax.backing.volume.VolumeOptions;
import java.time.Instant;
import java.util.UUID;
import jnr.constants.platform.Errno;

/** The volumes that workloads start from. */
enum Template {
    /** Some of everything, much room. */
    SMALL(1 << 20) {
        @Override
        void fill(Volume volume) throws FsException {
            populate(volume);
        }
    },

    /** As SMALL, but no free block. */
    FULL(1 << 20) {
        @Override
        void fill(Volume volume) throws FsException {
            populate(volume);
            long ballast = file(volume, "zballast", 0);
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
        }
    },

    /** As SMALL, with a log so full that a commit or two wrap it. */
    LOGGED(1 << 20) {
        @Override
        void fill(Volume volume) throws FsException {
            populate(volume);
        }

        @Override
        void warmUp(Volume volume) throws FsException {
            long room = (256 << 10) - 4096;
            for (int i = 0; room > 25_000; i++) {
                long before = volume.counters().get(Counter.JOURNAL_LOGGED_BYTES);
                logMuch(volume, i);
                room -= taken(volume, before);
            }
            for (int i = 0; room > 300; i++) {
                long before = volume.counters().get(Counter.JOURNAL_LOGGED_BYTES);
                SetAttributes mode = new SetAttributes().mode(0700 + i % 8);
                volume.setattr(Volume.ROOT_INODE, mode, Caller.ROOT, new InodeAttributes());
                volume.sync(CommitCause.SYNC);
                room -= taken(volume, before);
            }
            if (volume.counters().get(Counter.JOURNAL_CHECKPOINTS) > 0) {
                throw new IllegalStateException("the log was not to wrap yet");
            }
        }

        /** Transactions begin at lines. */
        private long taken(Volume volume, long before) {
            long bytes = volume.counters().get(Counter.JOURNAL_LOGGED_BYTES) - before;
            if (bytes == 0) {
                throw new IllegalStateException("a sync commits nothing");
            }
            return bytes + 63 & -64;
        }

        private void logMuch(Volume volume, int i) throws FsException {
            byte[] value = new byte[3_000];
            java.util.Arrays.fill(value, (byte) i);
            for (String file : new String[] {"a-file", "b-fragmented", "c-unwritten"}) {
                byte[] name = Scene.bytes(file);
                long inode = volume.lookup(Volume.ROOT_INODE, name, 0, name.length);
                volume.setxattr(inode, Scene.bytes("user.a0"), value, 0);
            }
            volume.sync(CommitCause.SYNC);
        }
    },

    /** A file of so many pieces that one transaction cannot free them. */
    STEPS(4 << 20) {
        @Override
        void fill(Volume volume) throws FsException {
            long inode = file(volume, "a-pieces", 100);
            for (int i = 1; i < PIECES; i++) {
                byte[] piece = Scene.bytes("piece" + i);
                volume.write(inode, i * 8192L, piece, 0, piece.length, 0, Caller.ROOT);
            }
            volume.setattr(
                    inode,
                    new SetAttributes().size(PIECES * 8192L),
                    Caller.ROOT,
                    new InodeAttributes());
            file(volume, "b-file", 5000);
        }
    };

    private static final int PIECES = 600;
    private static final long CREATED_SECONDS = 1_000;

    private final int regionBytes;
    private byte[] image;

    Template(int regionBytes) {
        this.regionBytes = regionBytes;
    }

    abstract void fill(Volume volume) throws FsException;

    /** What is done after each mount, before power may be cut. */
    void warmUp(Volume volume) throws FsException {}

    static VolumeOptions options(long[] clockSeconds) {
        return VolumeOptions.defaults()
                .withCommitIntervalMillis(0)
                .withAtime(VolumeOptions.AtimeMode.NOATIME)
                .withCaches(64 << 10, 64) // smaller than what there is
                .withClock(() -> Instant.ofEpochSecond(CREATED_SECONDS + clockSeconds[0]));
    }

    static FormatOptions format(long uuid) {
        return new FormatOptions(new UUID(7, uuid), "cut", 256 << 10, 0, 0, 3, 4, CREATED_SECONDS);
    }

    /** An unmounted volume; the caller's copy. */
    synchronized byte[] image() throws FsException {
        if (image == null) {
            byte[] used = new byte[regionBytes]; // free blocks hold what was there before
            new java.util.Random(regionBytes).nextBytes(used);
            Region region = new ArrayRegion(used);
            VolumeFormatter.format(region, format(1));
            Volume volume = Volume.open(region, options(new long[1]));
            fill(volume);
            volume.close();
            image = ((ArrayRegion) region).bytes();
        }
        return image.clone();
    }

    private static long file(Volume volume, String name, int bytes) throws FsException {
        byte[] text = Scene.bytes(name);
        long inode = volume.mknod(2, text, 0, text.length, 0100644, 0, Caller.ROOT);
        byte[] content = new byte[bytes];
        new java.util.Random(inode).nextBytes(content);
        volume.write(inode, 0, content, 0, bytes, 0, Caller.ROOT);
        return inode;
    }

    private static void populate(Volume v) throws FsException {
        long file = file(v, "a-file", 10_000);
        v.setattr(file, new SetAttributes().size(20_000), Caller.ROOT, new InodeAttributes());
        v.setxattr(file, Scene.bytes("user.a0"), new byte[300], 0);
        long fragmented = file(v, "b-fragmented", 100);
        for (int i = 1; i < 10; i++) {
            v.write(fragmented, i * 8192L, Scene.bytes("part" + i), 0, 5, 0, Caller.ROOT);
        }
        long unwritten = file(v, "c-unwritten", 100);
        v.fallocate(unwritten, 0, 0, 50_000, Caller.ROOT);
        v.setxattr(unwritten, Scene.bytes("user.a1"), new byte[5000], 0);
        byte[] name = Scene.bytes("dir");
        long dir = v.mkdir(2, name, 0, name.length, 0755, Caller.ROOT);
        name = Scene.bytes("sub");
        v.mkdir(dir, name, 0, name.length, 0755, Caller.ROOT);
        name = Scene.bytes("full");
        long full = v.mkdir(2, name, 0, name.length, 0755, Caller.ROOT);
        for (int i = 0; i < 17; i++) { // the next long name splits its leaf
            name = Scene.bytes("l" + i + "o".repeat(200));
            v.symlink(full, name, 0, name.length, Scene.bytes("x"), Caller.ROOT);
        }
    }
}
