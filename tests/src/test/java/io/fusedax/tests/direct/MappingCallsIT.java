package io.fusedax.tests.direct;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.tests.support.Command;
import io.fusedax.tests.support.MountedVolume;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * What programs do with mappings, each item as on any file system: {@code maptest calls DIR all}
 * passes on ext4 with MAPTEST_PLAIN=1.
 */
final class MappingCallsIT {
    private static final Duration LIMIT = Duration.ofSeconds(90);

    private static MountedVolume memory;
    private static MountedVolume signal;
    private static MountedVolume disk;

    @BeforeAll
    static void mount() {
        MountedVolume.assumeMounted();
        memory = MapTest.volume("memory", "dax=always").mount();
        signal = MapTest.volume("signal", "dax=always").mount();
        disk = MapTest.volume("disk", "dax=always").mount();
    }

    /** After all of it, what the daemon has left behind is without a fault. */
    @AfterAll
    static void unmount() {
        for (MountedVolume volume : new MountedVolume[] {memory, signal, disk}) {
            if (volume != null) {
                try (volume) {
                    volume.unmount();
                    volume.assertClean();
                }
            }
        }
    }

    @TestFactory
    List<DynamicTest> inMemory() {
        return items(memory);
    }

    @TestFactory
    List<DynamicTest> inMemoryBySignalsAlone() {
        return items(signal);
    }

    @TestFactory
    List<DynamicTest> onDisk() {
        return items(disk);
    }

    private static List<DynamicTest> items(MountedVolume volume) {
        Path directory = volume.directory();
        List<String> names =
                Command.of(MapTest.program(), "calls", directory, "list")
                        .ok()
                        .out()
                        .lines()
                        .toList();
        assertTrue(names.size() >= 60, "items: " + names);
        return names.stream()
                .map(name -> DynamicTest.dynamicTest(name, () -> run(directory, name)))
                .toList();
    }

    private static void run(Path directory, String name) {
        Command.Result result = MapTest.maptest("calls", directory, name).timeout(LIMIT).run();
        String answer =
                result.out()
                        .lines()
                        .filter(line -> line.startsWith(name + " "))
                        .map(line -> line.substring(line.indexOf('|') + 1).strip())
                        .findFirst()
                        .orElse("(no answer)");
        assertEquals("ok", answer, result.toString());
        assertEquals(0, result.exitCode(), result.toString());
    }
}
