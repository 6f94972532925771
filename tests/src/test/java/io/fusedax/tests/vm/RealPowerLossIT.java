package io.fusedax.tests.vm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.tests.direct.MapTest;
import io.fusedax.tests.direct.PowerLossRows;
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
 * dax-after-power-loss.txt as oracle, with the machine's power cut for real: ext4, xfs and volumes
 * of ours run the schedule in the same guest, on one NVDIMM, and QEMU is killed.
 */
@Tag("vm")
final class RealPowerLossIT {
    private static final List<String> OURS = List.of("ours-file", "ours-device");
    private static final List<String> COLUMNS = List.of("ext4", "xfs", OURS.get(0), OURS.get(1));
    private static final Duration LIMIT = Duration.ofMinutes(10);
    private static final String CUT = "POWER-CUT";

    @TempDir private Path folder;

    @Test
    void whatIsLeftIsWhatIsLeftOnTheKernelsFileSystems() {
        VirtualMachine.assumePossible();
        VirtualMachine machine =
                new VirtualMachine().nvdimm(folder.resolve("nvdimm"), "1536M").timeout(LIMIT);
        Path script = VirtualMachine.guestScript("powerloss");
        machine.cutPowerAt(CUT, script, "start", MapTest.program());
        Command.Result first = machine.cutPowerAt(CUT, script, "again", MapTest.program());
        Command.Result second = machine.run(script, "end", MapTest.program());
        List<String> wrong = new ArrayList<>(compare("sync", first));
        wrong.addAll(compare("plain", second));
        assertTrue(wrong.isEmpty(), () -> String.join("\n", wrong) + "\n" + second);
        assertEquals(0, second.exitCode(), second.toString());
    }

    private static List<String> compare(String mode, Command.Result printed) {
        Columns columns = Columns.of(printed.out(), COLUMNS);
        Map<String, Map<String, String>> rows = new LinkedHashMap<>();
        COLUMNS.forEach(column -> rows.put(column, PowerLossRows.printed(columns.text(column))));
        Columns.print("power loss, " + mode, rows);

        Map<String, String> ext4 = PowerLossRows.reference("ext4", mode);
        Map<String, String> xfs = PowerLossRows.reference("xfs", mode);
        assertEquals(15, ext4.size(), "rows of the reference: 14 files and fsck");
        if (mode.equals("sync")) {
            ext4.remove("fsck"); // it is run once, at the end
            xfs.remove("fsck");
        }
        List<String> wrong = new ArrayList<>();
        ext4.forEach(
                (file, row) -> {
                    String title = mode + ", " + file + ", ";
                    expect(wrong, title + "ext4", row, rows.get("ext4").get(file));
                    expect(wrong, title + "xfs", xfs.get(file), rows.get("xfs").get(file));
                    for (String column : OURS) {
                        String got = rows.get(column).getOrDefault(file, "(none)");
                        String difference = PowerLossRows.difference(row, xfs.get(file), got);
                        if (difference != null) {
                            wrong.add(title + column + ": " + difference);
                        }
                    }
                });
        return wrong;
    }

    /** The kernel's own must be as ever, else this proves nothing about ours. */
    private static void expect(List<String> wrong, String title, String expected, String got) {
        if (!expected.equals(got)) {
            wrong.add("%s: expected %s, got %s".formatted(title, expected, got));
        }
    }
}
