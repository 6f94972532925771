package io.fusedax.backing.volume;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.MountStateLayout;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.region.ArrayRegion;
import io.fusedax.backing.region.CrashRegion;
import io.fusedax.backing.region.Survivors;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A repair that power loss cut at any store is finished by the next one, with the same result. */
class VolumeRepairCutTest {
    private static final int CUTS = 40;

    private static CheckFixture whole;
    private static Random random;

    @BeforeAll
    static void populate() throws FsException {
        random = CheckFixture.random("cut");
        whole = CheckFixture.populated(random);
    }

    @ParameterizedTest
    @EnumSource(CheckDamage.class)
    void anInterruptedRepairIsFinishedByTheNext(CheckDamage damage) throws FsException {
        CheckFixture damaged = whole.copy();
        damage.action.apply(damaged);
        CrashRegion region = new CrashRegion(damaged.image.clone());
        region.record();
        VolumeChecker.check(region, true, line -> {});
        region.stopRecording();
        Map<String, String> expected =
                treeOf(region.image(region.cuts() - 1, Survivors.ALL, random));

        int cuts = region.cuts();
        for (int i = 0; i < Math.min(CUTS, cuts); i++) {
            int cut = cuts <= CUTS ? i : random.nextInt(cuts);
            byte[] image =
                    i % 2 == 0
                            ? region.image(cut, Survivors.TORN_LINES, random)
                            : region.image(cut, Survivors.ALL, random);
            CheckReport report = VolumeChecker.check(new ArrayRegion(image), true, line -> {});
            String where = damage + " cut " + cut + " of " + cuts + " " + report.messages();
            assertEquals(report.problems(), report.repaired(), where);
            CheckReport again = VolumeChecker.check(new ArrayRegion(image), false, line -> {});
            assertEquals(List.of(), again.messages(), where);
            assertTrue(treeOf(image).equals(expected), where);
        }
    }

    @Test
    void aCutRepairOfSeveralTransactionsLosesNothing() throws FsException {
        CheckFixture damaged = CheckFixture.formatted(8 << 20, 256 << 10);
        Volume volume = Volume.open(damaged.region, CheckFixture.OPTIONS);
        long dir = damaged.create(volume, 2, "dir", 040755);
        for (int i = 0; i < 2500; i++) {
            damaged.create(volume, dir, "name" + i, 0100644);
        }
        volume.close();
        VolumeInspector inspector = VolumeInspector.open(damaged.region);
        for (int i = 0; i < 2500; i++) {
            long offset = (Long) inspector.inode(damaged.inodes.get("name" + i)).get("offset");
            damaged.edit(
                    StructureType.INODE, offset, b -> Bytes.putInt(b, InodeLayout.MTIME_NANOS, -1));
        }
        Map<?, ?> leaf = (Map<?, ?>) ((List<?>) inspector.directory(dir).get("leaves")).get(0);
        damaged.flip((Long) leaf.get("offset") + 100); // its names go to lost+found
        CrashRegion region = new CrashRegion(damaged.image.clone());
        region.record();
        VolumeChecker.check(region, true, line -> {});
        region.stopRecording();
        int cuts = region.cuts();
        byte[] finished = region.image(cuts - 1, Survivors.ALL, random);
        assertTrue(Bytes.getLong(finished, mountErrors()) == 0, "errors are left");
        Map<String, String> expected = treeOf(finished);
        assertTrue(expected.size() > 2500, "names " + expected.size());
        int between = 0;
        for (int i = 0; i < CUTS; i++) {
            int cut = random.nextInt(cuts);
            byte[] image = region.image(cut, Survivors.TORN_LINES, random);
            CheckReport report = VolumeChecker.check(new ArrayRegion(image), true, line -> {});
            String where = "cut " + cut + " of " + cuts;
            between += report.problems() > 0 && report.problems() < 2500 ? 1 : 0;
            assertEquals(report.problems(), report.repaired(), where);
            assertEquals(
                    List.of(),
                    VolumeChecker.check(new ArrayRegion(image), false, line -> {}).messages(),
                    where);
            assertTrue(treeOf(image).equals(expected), where);
        }
        assertTrue(between > 0, "no cut between transactions in " + cuts);
    }

    /**
     * Should power be cut before the repair counts, chance could mend it with what is stored there.
     */
    @Test
    void aBrokenLeafIsNotStoredOverWhereThereIsOtherRoom() throws FsException {
        CheckFixture damaged = CheckFixture.formatted(8 << 20, 256 << 10);
        Volume volume = Volume.open(damaged.region, CheckFixture.OPTIONS);
        long dir = damaged.create(volume, 2, "dir", 040755);
        damaged.create(volume, dir, "name", 0100644);
        volume.close();
        Map<?, ?> tree = VolumeInspector.open(damaged.region).directory(dir);
        long leaf = (Long) ((Map<?, ?>) ((List<?>) tree.get("leaves")).get(0)).get("offset");
        damaged.flip(leaf + 100);
        CrashRegion region = new CrashRegion(damaged.image.clone());
        region.record();
        CheckReport report = VolumeChecker.check(region, true, line -> {});
        region.stopRecording();
        assertTrue(
                report.messages().toString().contains("/lost+found/#"),
                () -> report.messages().toString());
        for (CrashRegion.Event event : region.events()) {
            int length = event.stored() == null ? 0 : event.stored().length;
            boolean apart =
                    event.offset() + length <= leaf
                            || event.offset() >= leaf + Geometry.BLOCK_BYTES;
            assertTrue(apart || length == 0, "stored " + length + " at " + event.offset());
        }
    }

    private static int mountErrors() {
        return (int) MountStateLayout.OFFSET + MountStateLayout.ERROR_COUNT;
    }

    private static Map<String, String> treeOf(byte[] image) throws FsException {
        Volume volume = Volume.open(new ArrayRegion(image.clone()), CheckFixture.OPTIONS);
        return TreeSnapshot.of(volume);
    }
}
