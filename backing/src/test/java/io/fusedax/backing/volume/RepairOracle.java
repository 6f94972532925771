package io.fusedax.backing.volume;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.FsException;
import io.fusedax.backing.region.ArrayRegion;
import java.util.List;
import jnr.constants.platform.Errno;

/** What must hold of a check and a repair, whatever the region holds. */
final class RepairOracle {
    private RepairOracle() {}

    private static CheckReport check(byte[] image, boolean repair) throws FsException {
        return VolumeChecker.check(new ArrayRegion(image), repair, line -> {});
    }

    /**
     * A check changes nothing; a repair says the same and leaves nothing to say, or changes
     * nothing.
     *
     * @param image repaired in place
     * @param where what was damaged, for messages
     */
    static void checkRepairCheck(byte[] image, String where) throws FsException {
        byte[] before = image.clone();
        CheckReport found;
        try {
            found = check(image, false);
        } catch (FsException e) {
            return; // a volume of another version, or none
        } catch (RuntimeException e) {
            throw new AssertionError(where, e);
        }
        assertArrayEquals(before, image, where);
        CheckReport repair;
        try {
            repair = check(image, true);
        } catch (FsException e) {
            assertEquals(Errno.EROFS, e.errno(), where); // a feature that allows reading only
            return;
        }
        String all = where + " " + repair.messages();
        if (repair.repaired() < repair.problems()) {
            checkUnfinished(before, found, image, repair, all);
            return;
        }
        assertEquals(found.problems(), repair.problems(), all);
        assertEquals(List.of(), check(image, false).messages(), all);
        Volume volume = Volume.open(new ArrayRegion(image), CheckFixture.OPTIONS);
        Lies.readAll(volume, Volume.ROOT_INODE);
        volume.close();
    }

    /** What is not put right is left alone, or there is less of it. */
    private static void checkUnfinished(
            byte[] before, CheckReport found, byte[] image, CheckReport repair, String all)
            throws FsException {
        if (repair.repaired() > 0) { // no room for /lost+found, say
            assertTrue(check(image, false).problems() < found.problems(), all);
        } else if (!all.contains("only superblock and journal were stored")) {
            assertArrayEquals(before, image, all);
        }
    }
}
