package io.fusedax.tests.direct;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.tests.support.Command;
import io.fusedax.tests.support.MountedVolume;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** dax-after-power-loss.txt as oracle: what is there after daemon and program were killed. */
final class PowerLossIT {
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
        Map<String, String> ext4 = PowerLossRows.reference("ext4", mode);
        Map<String, String> xfs = PowerLossRows.reference("xfs", mode);
        Map<String, String> got = PowerLossRows.printed(out);
        assertEquals(15, ext4.size(), "rows of the reference: 14 files and fsck");
        List<String> wrong = new ArrayList<>();
        ext4.forEach(
                (name, row) -> {
                    if (!name.equals("fsck")) {
                        String difference =
                                PowerLossRows.difference(
                                        row, xfs.get(name), got.getOrDefault(name, "(none)"));
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
}
