package io.fusedax.tests.powercut;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.FsException;
import io.fusedax.tests.support.Seed;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/**
 * What tests/crash does for hours, for a minute or two: {@code -Dpowercut.seconds=N}, {@code
 * -Dseed=N}.
 */
final class PowerCutIT {
    private static final int SECONDS = Integer.getInteger("powercut.seconds", 60);
    private static final int CORRUPTIONS = Integer.getInteger("powercut.corruptions", 10_000);
    private static final int MUTANT_SECONDS = 10;

    private final ByteArrayOutputStream text = new ByteArrayOutputStream();
    private final PrintStream out = new PrintStream(text, true, StandardCharsets.UTF_8);

    @Test
    void noPowerCutLosesWhatWasCommitted() throws FsException {
        long seed = Seed.printed("PowerCutIT seconds=" + SECONDS);
        Campaign campaign = new Campaign(out);
        campaign.limit(TimeUnit.SECONDS.toNanos(SECONDS));
        campaign.directed();
        campaign.formats(seed);
        campaign.repairs(seed, 10);
        campaign.singles(seed);
        campaign.pairs(seed);
        System.out.printf(
                "PowerCutIT: %d images checked, %d violations, %d workloads%n",
                campaign.images(), campaign.violations(), campaign.workloads());
        assertEquals(0, campaign.violations(), () -> text.toString(StandardCharsets.UTF_8));
        assertTrue(campaign.images() > 1000, "images " + campaign.images());
    }

    /** As it was when they were found. */
    @Test
    void whatWasFoundOnceStaysMended() throws FsException {
        Campaign campaign = new Campaign(out);
        campaign.run(Case.parse("LOGGED:3217310846780673463:SHRINK.316,PUNCH.414"));
        campaign.run(Case.parse("LOGGED:-292802738149242648:STORE.931,KILL.89"));
        campaign.run(Case.parse("LOGGED:-3573284358307699740:ZERO_RANGE.110,WRITE_DSYNC.870"));
        campaign.run(Case.parse("SMALL:-532584094974429277:ZERO_RANGE.509,WRITE_DSYNC.593"));
        for (long seed : new long[] {5029890, 5105376, 5154244, 5182973}) {
            campaign.corruptions(seed, 1);
        }
        campaign.repairs(777448, 1);
        assertEquals(0, campaign.violations(), () -> text.toString(StandardCharsets.UTF_8));
    }

    @Test
    void damagedImagesAreNamedOrRepaired() throws FsException {
        long seed = Seed.printed("PowerCutIT corruptions=" + CORRUPTIONS);
        Campaign campaign = new Campaign(out);
        campaign.corruptions(seed, CORRUPTIONS);
        assertEquals(0, campaign.violations(), () -> text.toString(StandardCharsets.UTF_8));
    }

    /** The rest takes minutes: tests/crash --mutations. */
    @Test
    void whatTheJournalReliesOnIsMissedWhenItIsSwitchedOff() throws ReflectiveOperationException {
        for (String some : List.of("JournalLog.append", "HOME_FIRST", "FileContent.storeFresh")) {
            MutationProof proof = new MutationProof(out, 1, MUTANT_SECONDS * 1000);
            proof.run(some);
            assertEquals(List.of(), proof.missed(), () -> text.toString(StandardCharsets.UTF_8));
        }
    }
}
