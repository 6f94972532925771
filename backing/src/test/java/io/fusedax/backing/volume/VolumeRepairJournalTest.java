package io.fusedax.backing.volume;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.JournalHeaderLayout;
import io.fusedax.backing.format.TransactionLayout;
import io.fusedax.backing.region.ArrayRegion;
import io.fusedax.backing.region.CrashRegion;
import io.fusedax.backing.region.Survivors;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Checks of volumes with transactions in the log, whole and damaged. */
class VolumeRepairJournalTest {
    private static final int TRANSACTIONS = 6;

    private CheckFixture fixture;
    private Map<String, String> tree;

    @BeforeEach
    void leaveTransactions() throws FsException {
        fixture = CheckFixture.populated(CheckFixture.random("journal"));
        Volume volume = Volume.open(fixture.region, CheckFixture.OPTIONS);
        for (int i = 0; i < TRANSACTIONS; i++) {
            long file = fixture.create(volume, 2, "late" + i, 0100644);
            volume.write(file, 0, new byte[5000 + i], 0, 5000 + i, 0, Caller.ROOT);
            fixture.commit(volume);
        }
        tree = TreeSnapshot.of(volume); // then kill -9
    }

    private long log() {
        return Surgery.journal(fixture) + Geometry.BLOCK_BYTES;
    }

    /** Offsets of the transactions' heads. */
    private List<Long> transactions() {
        List<Long> offsets = new ArrayList<>();
        long at = log();
        for (int i = 0; i < TRANSACTIONS; i++) {
            offsets.add(at);
            at += fixture.getLong(at + TransactionLayout.LENGTH_BYTES) + 63 & -64;
        }
        return offsets;
    }

    private void flipSlots() {
        fixture.flip(Surgery.journal(fixture) + 9);
        fixture.flip(Surgery.journal(fixture) + JournalHeaderLayout.SLOT_STRIDE_BYTES + 9);
    }

    private void assertLookStoresNothing(int problems) throws FsException {
        byte[] before = fixture.image.clone();
        CheckReport report = fixture.check(false);
        assertEquals(problems, report.problems(), report.messages()::toString);
        assertArrayEquals(before, fixture.image);
    }

    private void assertRepairKeepsEverything() throws FsException {
        CheckReport report = fixture.check(true);
        assertEquals(report.problems(), report.repaired(), report.messages()::toString);
        assertEquals(List.of(), fixture.check(false).messages());
        assertEquals(tree, fixture.tree());
    }

    @Test
    void aJournalToReplayIsNoProblem() throws FsException {
        assertLookStoresNothing(0);
        assertRepairKeepsEverything();
    }

    @Test
    void aDamagedTransactionCostsNothingWhenAnotherFollows() throws FsException {
        for (int damaged = 0; damaged < TRANSACTIONS - 1; damaged++) {
            for (int at : new int[] {TransactionLayout.MAGIC, TransactionLayout.LENGTH_BYTES, 99}) {
                leaveTransactions();
                fixture.flip(transactions().get(damaged) + at);
                assertLookStoresNothing(1);
                assertRepairKeepsEverything();
            }
        }
    }

    @Test
    void twoDamagedTransactionsCostNothingWhenAnotherFollows() throws FsException {
        fixture.flip(transactions().get(1) + 80);
        fixture.flip(transactions().get(4) + 80);
        assertLookStoresNothing(1);
        assertRepairKeepsEverything();
    }

    @Test
    void aDamagedHeaderSlotOverADirtyLogCostsNothing() throws FsException {
        for (int slot = 0; slot < JournalHeaderLayout.SLOT_COUNT; slot++) {
            for (int at = 0; at < 16; at += 3) {
                leaveTransactions();
                long offset =
                        Surgery.journal(fixture) + slot * JournalHeaderLayout.SLOT_STRIDE_BYTES;
                fixture.flip(offset + at);
                assertLookStoresNothing(1);
                assertRepairKeepsEverything();
            }
        }
    }

    /** The log began anew after the other slot was written, so the lost one had counted. */
    @Test
    void aDamagedHeaderSlotThatCountedIsNotTakenForTorn() throws FsException {
        long newer = Surgery.journal(fixture) + JournalHeaderLayout.FIRST_SEQUENCE;
        long other = newer + JournalHeaderLayout.SLOT_STRIDE_BYTES;
        newer = fixture.getLong(other) > fixture.getLong(newer) ? other : newer;
        // as a header is whose new sequence came before its new checksum
        fixture.region.putLong(newer, fixture.getLong(newer) + TRANSACTIONS);
        assertLookStoresNothing(1);
        assertRepairKeepsEverything();
    }

    @Test
    void aJournalWithoutHeaderIsStillReplayed() throws FsException {
        flipSlots();
        assertLookStoresNothing(2);
        assertRepairKeepsEverything();
    }

    @Test
    void aJournalWithoutHeaderAndFirstTransactionIsEmptiedForGood() throws FsException {
        fixture.flip(log() + 70);
        flipSlots();
        assertTrue(fixture.check(false).problems() >= 2);
        CheckReport report = fixture.check(true);
        assertEquals(report.problems(), report.repaired());
        assertEquals(List.of(), fixture.check(false).messages());
        Volume volume = Volume.open(fixture.region, CheckFixture.OPTIONS);
        fixture.create(volume, 2, "after", 0100644);
        volume.close();
        assertEquals(List.of(), fixture.check(false).messages());
    }

    private static boolean isExcused(String line) {
        return line.startsWith("mount state")
                || line.startsWith("journal: transactions=")
                || line.endsWith("it was being written when power went");
    }

    @Test
    void aHeaderTornByPowerLossIsNoProblem() throws FsException {
        CrashRegion region = new CrashRegion(fixture.image.clone());
        Volume volume = Volume.open(region, CheckFixture.OPTIONS);
        region.record();
        volume.close();
        for (int cut = 0; cut < region.cuts(); cut++) {
            for (int i = 0; i < 20; i++) {
                byte[] image =
                        region.image(
                                cut, Survivors.TORN_LINES, new java.util.Random(cut * 100L + i));
                CheckReport report = VolumeChecker.check(new ArrayRegion(image), false, line -> {});
                // the mount state is stored directly and may be torn, too: fsck tells so
                report.messages()
                        .forEach(line -> assertTrue(isExcused(line), report.messages()::toString));
            }
        }
    }
}
