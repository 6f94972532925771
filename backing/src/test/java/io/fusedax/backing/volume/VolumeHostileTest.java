package io.fusedax.backing.volume;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.Counter;
import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.inode.InodeNumbers;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A volume whose structures lie under right checksums: every operation works or fails with an
 * errno, none breaks, runs on for ever or reads outside the region; EUCLEAN names what is wrong.
 */
class VolumeHostileTest {
    private static final int ROUNDS = Integer.getInteger("rounds", 150);

    private static CheckFixture whole;
    private static Random random;

    @BeforeAll
    static void populate() throws FsException {
        random = CheckFixture.random("hostile");
        whole = CheckFixture.populated(random);
    }

    @ParameterizedTest
    @EnumSource(CheckDamage.class)
    @Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void everyOperationSurvivesDamage(CheckDamage damage) throws FsException {
        CheckFixture fixture = whole.copy();
        damage.action.apply(fixture);
        everything(damage.name(), fixture);
    }

    @Test
    @Timeout(value = 2, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void everyOperationSurvivesRandomLies() throws FsException {
        Lies lies = new Lies(whole, random);
        for (int round = 0; round < ROUNDS; round++) {
            CheckFixture fixture = whole.copy();
            String where = "round " + round + lies.tell(fixture);
            everything(where, fixture);
        }
    }

    private static void everything(String where, CheckFixture fixture) {
        new HostileRun(where, CheckFixture.OPTIONS, 30, 1000)
                .everything(fixture.region, fixture.inodes.values());
    }

    /** Its end of use was tried again by the end of that use, until the stack was full. */
    /** Freeing it would wait for itself. */
    @ParameterizedTest
    @ValueSource(longs = {InodeNumbers.ROOT, InodeNumbers.ORPHANS})
    @Timeout(value = 20, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void aFixedInodeWithoutLinksIsNamedAndNotFreed(long number) throws FsException {
        CheckFixture fixture = whole.copy();
        fixture.editInode(number, inode -> Bytes.putInt(inode, InodeLayout.LINK_COUNT, 0));
        FsException refused =
                assertThrows(
                        FsException.class,
                        () -> {
                            try (Volume volume =
                                    Volume.open(fixture.region, CheckFixture.OPTIONS)) {
                                volume.getattr(number, new InodeAttributes());
                            }
                        });
        assertEquals(Errno.EUCLEAN, refused.errno(), refused.getMessage());
        assertTrue(refused.getMessage().contains("inode " + number), refused.getMessage());
        assertTrue(VolumeChecker.check(fixture.region, true, line -> {}).repaired() > 0);
        Volume.open(fixture.region, CheckFixture.OPTIONS).close();
    }

    @Test
    void aNamelessFileThatCannotBeFreedIsLeftToFsck() throws FsException {
        CheckFixture fixture = whole.copy();
        Surgery.extent(fixture, "file6", 4000);
        Volume volume = Volume.open(fixture.region, CheckFixture.OPTIONS);
        byte[] name = CheckFixture.bytes("file6");
        long inode = fixture.inodes.get("file6");
        volume.acquire(inode);
        volume.unlink(fixture.inodes.get("dir"), name, 0, name.length);
        long before = volume.counters().get(Counter.INODE_CACHE_HITS);
        FsException refused = assertThrows(FsException.class, () -> volume.release(inode));
        assertEquals(Errno.EUCLEAN, refused.errno());
        assertTrue(HostileRun.PLACE.matcher(refused.getMessage()).find(), refused.getMessage());
        assertTrue(volume.counters().get(Counter.INODE_CACHE_HITS) - before < 10);
        fixture.commit(volume);
        fixture.check(true);
        assertTrue(fixture.check(false).clean());
        Volume.open(fixture.region, CheckFixture.OPTIONS).close();
    }
}
