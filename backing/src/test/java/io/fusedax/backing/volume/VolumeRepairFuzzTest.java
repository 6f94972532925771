package io.fusedax.backing.volume;

import io.fusedax.backing.FsException;
import java.util.Random;
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
            RepairOracle.checkRepairCheck(fixture.image, where.toString());
        }
    }
}
