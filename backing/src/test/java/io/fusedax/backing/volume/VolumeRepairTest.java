package io.fusedax.backing.volume;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.FsException;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class VolumeRepairTest {
    private static CheckFixture whole;
    private static Map<String, String> wholeTree;

    @BeforeAll
    static void populate() throws FsException {
        whole = CheckFixture.populated(CheckFixture.random("populated"));
        wholeTree = whole.tree();
    }

    @Test
    void aNewVolumeIsClean() throws FsException {
        for (int mib : new int[] {1, 2, 8, 130}) {
            CheckFixture fixture = CheckFixture.formatted(mib << 20);
            CheckReport report = fixture.check(false);
            assertEquals(List.of(), report.messages());
        }
    }

    @Test
    void aVolumeOfEveryKindOfContentIsClean() throws FsException {
        CheckFixture fixture = whole.copy();
        CheckReport report = fixture.check(false);
        assertEquals(List.of(), report.messages());
        assertTrue(report.clean());
        assertArrayEquals(whole.image, fixture.image);
        assertTrue(fixture.check(true).clean());
        assertEquals(wholeTree, fixture.tree());
    }

    @ParameterizedTest
    @EnumSource(CheckDamage.class)
    void damageIsNamedAndRepaired(CheckDamage damage) throws FsException {
        CheckFixture fixture = whole.copy();
        damage.action.apply(fixture);
        byte[] damaged = fixture.image.clone();

        CheckReport found = fixture.check(false);
        String messages = String.join("\n", found.messages());
        System.out.println(damage + ": " + messages.lines().limit(8).toList());
        assertTrue(found.problems() > 0, "nothing found");
        assertTrue(messages.contains(damage.message), messages);
        assertArrayEquals(damaged, fixture.image, "a check without repair stored something");

        CheckReport repair = fixture.check(true);
        assertEquals(repair.problems(), repair.repaired(), repair.messages()::toString);
        assertEquals(found.problems(), repair.problems());

        CheckReport again = fixture.check(false);
        assertEquals(List.of(), again.messages());
        assertUnaffectedIsKept(damage, fixture.tree());
        assertUsable(fixture);
    }

    private static void assertUnaffectedIsKept(CheckDamage damage, Map<String, String> tree) {
        Map<String, String> lost = new TreeMap<>(wholeTree);
        lost.entrySet().removeAll(tree.entrySet());
        lost.keySet().removeIf(path -> mayBeAffected(damage, path));
        assertEquals(Map.of(), lost);
    }

    private static boolean mayBeAffected(CheckDamage damage, String path) {
        for (String affected : damage.affected) {
            if (path.startsWith("/" + affected) || path.endsWith("/" + affected + "/")) {
                return true;
            }
        }
        // a directory that loses or gains a directory shows it in its link count
        return damage.affected.length > 0 && (path.equals("/") || path.equals("/dir/"));
    }

    private static void assertUsable(CheckFixture fixture) throws FsException {
        Volume volume = Volume.open(fixture.region, CheckFixture.OPTIONS);
        long inode = fixture.create(volume, 2, "after", 0100600);
        volume.write(inode, 0, new byte[100_000], 0, 100_000, 0, Caller.ROOT);
        if (volume.lookup(2, CheckFixture.bytes("unwritten"), 0, 9) != 0) {
            volume.unlink(2, CheckFixture.bytes("unwritten"), 0, 9);
        }
        volume.close();
        assertEquals(List.of(), fixture.check(false).messages());
    }
}
