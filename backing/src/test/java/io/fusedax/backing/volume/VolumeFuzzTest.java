package io.fusedax.backing.volume;

import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.fusedax.backing.FsException;
import io.fusedax.backing.region.ArrayRegion;
import java.util.List;
import java.util.stream.LongStream;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;

/**
 * A volume whose structures hold what an input put there, under right checksums: every operation,
 * look, check and repair works or fails with an errno. An input is the volume to start from, then
 * edits as {@link FuzzDamage} reads them.
 */
class VolumeFuzzTest {
    /** Inodes that are tried though no name may lead to them: more than the volumes have. */
    private static final List<Long> KNOWN = LongStream.range(1, 24).boxed().toList();

    private static byte[][] images;
    private static FuzzDamage[] damages;

    @BeforeAll
    static void makeVolumes() throws FsException {
        images = FuzzVolume.images();
        damages = new FuzzDamage[images.length];
        for (int i = 0; i < images.length; i++) {
            damages[i] = new FuzzDamage(images[i], FuzzVolume.CHECKSUMS);
        }
    }

    @FuzzTest
    @Timeout(value = 20, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void operationsSurviveLies(byte[] bytes) throws FsException {
        FuzzInput input = new FuzzInput(bytes);
        int which = input.below(images.length);
        byte[] image = images[which].clone();
        String where = "volume " + which + damages[which].apply(input, image);
        new HostileRun(where, FuzzVolume.OPTIONS, 3, 24).everything(new ArrayRegion(image), KNOWN);
        RepairOracle.checkRepairCheck(image, where + " used");
    }

    @FuzzTest
    @Timeout(value = 20, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void lookingAndRepairingSurviveLies(byte[] bytes) throws FsException {
        FuzzInput input = new FuzzInput(bytes);
        int which = input.below(images.length);
        byte[] image = images[which].clone();
        String where = "volume " + which + damages[which].apply(input, image);
        look(image, where);
        RepairOracle.checkRepairCheck(image, where);
    }

    /** What {@code fuse-dax dump} shows. */
    private static void look(byte[] image, String where) {
        VolumeInspector inspector;
        try {
            inspector = VolumeInspector.open(new ArrayRegion(image));
        } catch (FsException e) {
            checkMessage(e, where);
            return;
        }
        inspector.superblock();
        inspector.journal();
        see(() -> inspector.group(0), where);
        see(() -> inspector.resolve("/directory/sub/fifo"), where);
        for (long inode : KNOWN) {
            see(() -> inspector.inode(inode), where);
            see(() -> inspector.extents(inode), where);
            see(() -> inspector.directory(inode), where);
        }
    }

    @FunctionalInterface
    private interface Sight {
        Object show() throws FsException;
    }

    private static void see(Sight sight, String where) {
        try {
            assertNotNull(sight.show(), where);
        } catch (FsException e) {
            checkMessage(e, where);
        }
    }

    private static void checkMessage(FsException e, String where) {
        boolean named =
                e.errno() != Errno.EUCLEAN || HostileRun.PLACE.matcher(e.getMessage()).find();
        assertTrue(named, () -> where + ": " + e.getMessage());
    }
}
