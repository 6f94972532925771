package io.fusedax.tests.direct;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.tests.support.Command;
import io.fusedax.tests.support.MountedVolume;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Every row of the ext4 part of dax-file-operations.txt. */
final class FileOperationsIT {
    /** Rows that libfuse 2 cannot carry, each with the reason; the native transport all. */
    private static final Map<String, String> EXCEPTIONS =
            !MountedVolume.isJnrFuse()
                    ? Map.of()
                    : Map.of(
                            "O_TMPFILE",
                            "FUSE_TMPFILE is younger than libfuse 2, which alone gives out node"
                                    + " ids, so the kernel answers EOPNOTSUPP; mkstemp and unlink"
                                    + " do instead");

    /**
     * The stress row is random: counts that are not 0, and the same bytes everywhere at its end.
     */
    private static final Pattern STRESS =
            Pattern.compile(
                    "stress MAP_SYNC: (\\d+) stores, (\\d+) SIGBUS;(?: \\w+ \\d+/\\d+){8}"
                            + " \\(ok/errors\\); mapping vs pread: same, size 4096K.*");

    @ParameterizedTest(name = "region on {0}")
    @ValueSource(strings = {"memory", "disk"})
    void everyRowIsAsOnExt4(String place) {
        MountedVolume.assumeMounted();
        MountedVolume.Builder builder = MountedVolume.builder().mountOptions("dax=always");
        if (place.equals("disk")) {
            builder.onDisk();
        }
        ReferenceTable expected =
                ReferenceTable.section(
                        ReferenceTable.resource("dax-file-operations.txt"),
                        "== ext4-dax",
                        " +\\| ?");
        assertEquals(25, expected.size(), "rows of the reference");
        try (MountedVolume volume = builder.mount()) {
            Command.Result result = MapTest.maptest("fileops", volume.directory()).run();
            List<String> wrong =
                    expected.mismatches(
                            "file operations " + place,
                            ReferenceTable.all(result.out(), " +\\| ?"),
                            EXCEPTIONS);
            assertTrue(wrong.isEmpty(), () -> String.join("\n", wrong) + "\n" + result.err());
            assertEquals(0, result.exitCode(), result.toString());
            assertStress(result.out());
            volume.unmount();
            volume.assertClean(); // the reference's last row, "fsck rc=0"
        }
    }

    private static void assertStress(String out) {
        String line = out.lines().filter(text -> text.startsWith("stress")).findFirst().orElse("");
        Matcher matcher = STRESS.matcher(line);
        assertTrue(matcher.matches(), "stress row: " + line);
        assertTrue(Long.parseLong(matcher.group(1)) > 0, line);
        assertTrue(Long.parseLong(matcher.group(2)) > 0, line);
    }
}
