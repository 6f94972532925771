package io.fusedax.tests.direct;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.tests.support.Command;
import io.fusedax.tests.support.MountedVolume;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * dax-after-power-loss.txt as oracle: what is there after the daemon and the program were killed.
 *
 * <p>Size and contents must be those of ext4's rows. Allocated blocks and segments depend on how a
 * file system splits extents (ext4 writes zeros to up to 32 KiB of unwritten blocks rather than
 * split them, and its trees have other node sizes): there xfs's row is as good.
 */
final class PowerLossIT {
    private static final Pattern ROW =
            Pattern.compile(
                    "size +(\\d+) blocks +(\\d+) KiB +pages with data +(\\d+), zero +(\\d+),"
                            + " other (\\d+) +SEEK_DATA segments (\\d+)");

    @ParameterizedTest(name = "{0} on a region {1}")
    @CsvSource({
        "sync, memory",
        "sync, signal",
        "sync, disk",
        "plain, memory",
        "plain, signal",
        "plain, disk"
    })
    void theFilesAreAsAfterPowerLossOnExt4(String mode, String place) {
        MountedVolume.assumeMounted();
        try (MountedVolume volume = MapTest.volume(place, "dax=always,commit=600").mount()) {
            Command work = MapTest.maptest("powerloss-write", volume.directory(), mode);
            try (Progress progress = Progress.start(work, "done")) {
                progress.await(1);
                volume.kill9();
            }
            volume.assertClean();
            volume.mount();
            Command.Result found = MapTest.maptest("powerloss-check", volume.directory()).ok();
            compare(mode, place, found.out());
        }
    }

    private static void compare(String mode, String place, String out) {
        Map<String, String> ext4 = reference("== ext4 " + mode);
        Map<String, String> xfs = reference("== xfs " + mode);
        Map<String, String> got = ReferenceTable.all(out, " +").rows();
        assertEquals(15, ext4.size(), "rows of the reference: 14 files and fsck");
        List<String> wrong = new ArrayList<>();
        ext4.forEach(
                (name, row) -> {
                    if (!name.equals("fsck")) {
                        String difference =
                                difference(row, xfs.get(name), got.getOrDefault(name, "(none)"));
                        if (difference != null) {
                            wrong.add(mode + " " + place + ": " + name + ": " + difference);
                        }
                    }
                });
        wrong.forEach(System.out::println);
        System.out.printf(
                "power loss, %s, %s: %d files, %d wrong%n",
                mode, place, ext4.size() - 1, wrong.size());
        assertTrue(wrong.isEmpty(), String.join("\n", wrong));
    }

    /** What is wrong with the row of a file, or null. */
    private static String difference(String ext4, String xfs, String got) {
        String shown = "%nexpected %s%n      or %s%n     got %s".formatted(ext4, xfs, got);
        Matcher expected = ROW.matcher(ext4);
        Matcher other = ROW.matcher(xfs);
        Matcher answer = ROW.matcher(got);
        if (!expected.matches()) {
            return ext4.equals(got) ? null : shown;
        }
        if (!answer.matches() || !other.matches()) {
            return shown;
        }
        for (int group : new int[] {1, 3, 4, 5}) {
            if (!expected.group(group).equals(answer.group(group))) {
                return shown;
            }
        }
        for (int group : new int[] {2, 6}) {
            if (!answer.group(group).equals(expected.group(group))
                    && !answer.group(group).equals(other.group(group))) {
                return shown;
            }
        }
        return null;
    }

    private static Map<String, String> reference(String section) {
        String text = ReferenceTable.resource("dax-after-power-loss.txt");
        return ReferenceTable.section(text, section, " +").rows();
    }
}
