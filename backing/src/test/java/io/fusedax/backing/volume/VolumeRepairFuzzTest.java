package io.fusedax.backing.volume;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.fusedax.backing.FsException;
import io.fusedax.backing.region.ArrayRegion;
import java.util.List;
import java.util.Random;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.Test;

/** Anything may stand in a structure, even under a right checksum: the checker never breaks. */
class VolumeRepairFuzzTest {
    private static final int ROUNDS = Integer.getInteger("rounds", 150);

    @Test
    void randomLiesUnderRightChecksumsAreNamedAndRepaired() throws FsException {
        Random random = CheckFixture.random("fuzz");
        CheckFixture whole = CheckFixture.populated(random);
        Lies lies = new Lies(whole, random);
        for (int round = 0; round < ROUNDS; round++) {
            CheckFixture fixture = whole.copy();
            StringBuilder where = new StringBuilder("round " + round);
            where.append(lies.tell(fixture));
            checkRepairCheck(fixture, where.toString());
        }
    }

    private static void checkRepairCheck(CheckFixture fixture, String where) throws FsException {
        byte[] before = fixture.image.clone();
        CheckReport found;
        try {
            found = fixture.check(false);
        } catch (FsException e) {
            return; // a volume of another version, or none
        } catch (RuntimeException e) {
            throw new AssertionError(where, e);
        }
        assertArrayEquals(before, fixture.image, where);
        CheckReport repair;
        try {
            repair = fixture.check(true);
        } catch (FsException e) {
            assertEquals(Errno.EROFS, e.errno(), where); // a feature that allows reading only
            return;
        }
        String all = where + " " + repair.messages();
        if (repair.repaired() < repair.problems()) {
            System.out.println("not repaired: " + all);
            assertArrayEquals(before, fixture.image, all);
            return;
        }
        assertEquals(found.problems(), repair.problems(), all);
        assertEquals(List.of(), fixture.check(false).messages(), all);
        Volume volume = Volume.open(new ArrayRegion(fixture.image.clone()), CheckFixture.OPTIONS);
        Lies.readAll(volume, Volume.ROOT_INODE);
        volume.close();
    }
}
