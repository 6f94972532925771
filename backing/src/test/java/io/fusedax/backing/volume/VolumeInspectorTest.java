package io.fusedax.backing.volume;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.Seed;
import io.fusedax.backing.journal.CommitCause;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Dumps of what was damaged: it is shown or named, never a surprise. */
class VolumeInspectorTest {
    private static final long ROOT = 2;
    private static final int ROUNDS = 300;

    private final Random random = Seed.random("VolumeInspectorTest");

    @Test
    void randomBytesAnywhereAreShownOrNamed() throws FsException {
        try (TestVolume v = new TestVolume(4 << 20)) {
            long directory = v.mkdir(ROOT, "directory");
            long file = v.create(directory, "file");
            for (int i = 0; i < 30; i++) {
                v.write(file, i * 8192L, new byte[100]);
                v.create(directory, "other-" + i);
            }
            v.volume.setxattr(file, TestVolume.bytes("user.a"), new byte[100], 0);
            v.volume.sync(CommitCause.SYNC);
            byte[] good = new byte[(int) v.region.sizeBytes()];
            v.region.read(0, good, 0, good.length);
            for (int i = 0; i < ROUNDS; i++) {
                v.region.write(0, good, 0, good.length);
                damage(v, i % 4);
                dump(v, List.of(1L, ROOT, directory, file, random.nextLong()));
            }
            v.region.write(0, good, 0, good.length);
        }
    }

    /** Random bytes in the first block, where the volume's own structures are, or in any. */
    private void damage(TestVolume v, int kind) {
        long used = 1 + v.region.sizeBytes() / Geometry.BLOCK_BYTES / 4;
        long block = kind == 0 ? 0 : (long) (random.nextDouble() * used);
        int from = kind == 0 ? 1024 : random.nextInt(Geometry.BLOCK_BYTES); // the superblock stays
        byte[] bytes = new byte[Geometry.BLOCK_BYTES - from];
        random.nextBytes(bytes);
        v.region.write(block * Geometry.BLOCK_BYTES + from, bytes, 0, bytes.length);
    }

    private interface Dump {
        Object get() throws FsException;
    }

    private static void dump(TestVolume v, List<Long> inodes) {
        assertShownOrNamed(() -> VolumeInspector.open(v.region).superblock());
        assertShownOrNamed(() -> VolumeInspector.open(v.region).journal());
        assertShownOrNamed(() -> VolumeInspector.open(v.region).group(0));
        assertShownOrNamed(() -> VolumeInspector.open(v.region).resolve("/directory/file"));
        for (long inode : inodes) {
            assertShownOrNamed(() -> VolumeInspector.open(v.region).inode(inode));
            assertShownOrNamed(() -> VolumeInspector.open(v.region).extents(inode));
            assertShownOrNamed(() -> VolumeInspector.open(v.region).directory(inode));
        }
    }

    private static void assertShownOrNamed(Dump dump) {
        try {
            assertNotNull(dump.get());
        } catch (FsException e) {
            assertEquals(false, e.getMessage().isEmpty());
        }
    }
}
