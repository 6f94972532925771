package io.fusedax.tests.vm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.tests.direct.MapTest;
import io.fusedax.tests.direct.ReferenceTable;
import io.fusedax.tests.support.Command;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Every row of dax-mmap-conformance.txt for ext4 and xfs, asked of the kernel's own and of a volume
 * on a device-dax in the same guest, side by side.
 */
@Tag("vm")
final class RealConformanceIT {
    private static final List<String> COLUMNS = List.of("ext4", "xfs", "ours");
    private static final Duration LIMIT = Duration.ofMinutes(12);

    @TempDir private Path folder;

    @Test
    void everyRowIsAsInTheReference() {
        VirtualMachine.assumePossible();
        Command.Result result =
                new VirtualMachine()
                        .nvdimm(folder.resolve("nvdimm"), "1G")
                        .timeout(LIMIT)
                        .run(VirtualMachine.guestScript("conformance"), MapTest.program());
        Columns columns = Columns.of(result.out(), COLUMNS);
        List<String> wrong = new ArrayList<>();
        wrong.addAll(compare(columns, "misc", 8, COLUMNS));
        wrong.addAll(compare(columns, "always", 64, COLUMNS));
        wrong.addAll(compare(columns, "inode+x", 64, COLUMNS));
        wrong.addAll(compare(columns, "inode", 34, List.of("ext4", "ours")));
        wrong.addAll(compare(columns, "never", 34, List.of("ext4", "ours")));
        assertTrue(wrong.isEmpty(), () -> String.join("\n", wrong) + "\n" + result);
        assertEquals(0, result.exitCode(), result.toString());
    }

    private static List<String> compare(
            Columns columns, String mode, int rows, List<String> asked) {
        String reference = ReferenceTable.resource("dax-mmap-conformance.txt");
        Map<String, Map<String, String>> answers = new LinkedHashMap<>();
        List<String> wrong = new ArrayList<>();
        for (String column : asked) {
            String fileSystem = column.equals("xfs") ? "xfs" : "ext4";
            String label = mode.equals("misc") ? mode : fileSystem + "-" + mode;
            ReferenceTable expected = ReferenceTable.labelled(reference, label);
            assertEquals(rows, expected.size(), "rows of the reference, " + label);
            ReferenceTable got = ReferenceTable.labelled(columns.text(column), label);
            answers.put(column, got.rows());
            wrong.addAll(expected.mismatches(column + ", dax " + mode, got, Map.of()));
        }
        Columns.print("conformance, " + mode, answers);
        return wrong;
    }
}
