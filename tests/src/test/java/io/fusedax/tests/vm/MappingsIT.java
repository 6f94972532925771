package io.fusedax.tests.vm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.tests.direct.MapTest;
import io.fusedax.tests.support.Command;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Volumes on real persistent memory of Debian's kernel, all kinds in one guest: what programs do
 * with mappings, fio through libpmem, the mount's statistics, fsck.
 */
@Tag("vm")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class MappingsIT {
    private static final Duration LIMIT = Duration.ofMinutes(20);

    /** By kind: answers by item. */
    private final Map<String, Map<String, String>> answers = new LinkedHashMap<>();

    private Command.Result guest;

    @BeforeAll
    void runAll(@TempDir Path folder) {
        VirtualMachine.assumePossible();
        guest =
                new VirtualMachine()
                        .nvdimm(folder.resolve("nvdimm"), "1536M")
                        .with("--memory", "3G")
                        .timeout(LIMIT)
                        .run(
                                VirtualMachine.guestScript("mappings"),
                                MapTest.program(),
                                "shared-",
                                "devdax-2M",
                                "devdax-4K",
                                "fsdax-ext4",
                                "fsdax-xfs");
        for (String line : guest.out().lines().toList()) {
            String[] parts = line.split("\\|", 3);
            if (parts.length == 3) {
                answers.computeIfAbsent(parts[0].strip(), kind -> new LinkedHashMap<>())
                        .put(parts[1].strip(), parts[2].strip());
            }
        }
    }

    @Test
    void theGuestCameToItsEnd() {
        assertEquals(0, guest.exitCode(), guest.toString());
        assertEquals(Set.of("devdax-2M", "devdax-4K", "fsdax-ext4", "fsdax-xfs"), answers.keySet());
    }

    @ParameterizedTest
    @CsvSource({
        "devdax-2M, devdax, 2097152, 12",
        "devdax-4K, devdax, 4096, 17",
        "fsdax-ext4, fsdax, 4096, 2",
        "fsdax-xfs, fsdax, 4096, 2"
    })
    void everyItemIsFine(String kind, String regionKind, String alignmentBytes, int items) {
        Map<String, String> rows = new LinkedHashMap<>(answers.getOrDefault(kind, Map.of()));
        assertEquals(regionKind, rows.remove("region_kind"), guest.toString());
        assertEquals(alignmentBytes, rows.remove("alignment_bytes"));
        assertEquals("libpmem", rows.remove("flush_mechanism"));
        long hugeFaults = Long.parseLong(rows.remove("huge_faults"));
        assertTrue(Long.parseLong(rows.remove("fault_commits")) > 0);
        if (kind.equals("devdax-2M")) {
            assertTrue(hugeFaults >= 12, "huge faults: " + hugeFaults);
        }
        for (String program :
                List.of("mkfs", "mount", "fio", "tree", "compare", "unmount", "fsck")) {
            assertEquals("ok", rows.remove(program), program);
        }
        assertTrue(rows.size() >= items, rows.toString());
        rows.values().removeIf("ok"::equalsIgnoreCase);
        assertEquals(Map.of(), rows);
    }
}
