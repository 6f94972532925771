package io.fusedax.tests.direct;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.tests.support.Command;
import io.fusedax.tests.support.MountedVolume;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Every row of dax-mmap-conformance.txt for ext4, asked of the mount with the matching option. */
final class ConformanceIT {
    /** Rows that cannot be had, each with the reason: at most three, the same for every label. */
    private static final Map<String, String> EXCEPTIONS = Map.of();

    @Test
    void thereAreAtMostThreeExceptions() {
        assertTrue(EXCEPTIONS.size() <= 3, EXCEPTIONS.toString());
    }

    @ParameterizedTest(name = "{0} as dax={1} on a region {2}")
    @CsvSource({
        "misc, always, memory, 8",
        "ext4-always, always, memory, 64",
        "ext4-always, always, signal, 64",
        "ext4-always, always, disk, 64",
        "ext4-inode, inode, memory, 34",
        "ext4-inode+x, inode, memory, 64",
        "ext4-inode+x, inode, signal, 64",
        "ext4-inode+x, inode, disk, 64",
        "ext4-never, never, memory, 34",
    })
    void everyRowIsAsOnExt4(String label, String dax, String place, int rows) {
        MountedVolume.assumeMounted();
        ReferenceTable expected =
                ReferenceTable.labelled(ReferenceTable.resource("dax-mmap-conformance.txt"), label);
        assertEquals(rows, expected.size(), "rows of the reference");
        try (MountedVolume volume = MapTest.volume(place, "dax=" + dax).mount()) {
            Command.Result result = MapTest.maptest("conformance", volume.directory(), label).run();
            List<String> wrong =
                    expected.mismatches(
                            label + " " + place,
                            ReferenceTable.labelled(result.out(), label),
                            EXCEPTIONS);
            assertTrue(wrong.isEmpty(), () -> String.join("\n", wrong) + "\n" + result.err());
            assertEquals(0, result.exitCode(), result.toString());
            volume.unmount();
            volume.assertClean();
        }
    }
}
