package io.fusedax.tests.direct;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.fusedax.tests.support.MountedVolume;
import io.fusedax.tests.support.Posix;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Faults and commits are counted as the kernel counts those of ext4 on DAX: one commit for each
 * page of a hole that a synchronous mapping stores to, none for written pages, one for 2 MiB.
 */
final class CounterFidelityIT {
    private static final int PAGE = 4096;

    @ParameterizedTest(name = "{0}: {1} pages of {2}, {3}")
    @CsvSource({
        // region, pages, content, mode | write faults, synchronous, huge, commits
        "memory, 64, hole, sync, 64, 64, 0, 64",
        "memory, 64, unwritten, sync, 64, 64, 0, 64",
        "memory, 64, written, sync, 64, 64, 0, 0",
        "memory, 2048, hole, sync, 4, 4, 4, 4",
        "memory, 2048, unwritten, sync, 4, 4, 4, 4",
        "memory, 2048, written, sync, 4, 4, 4, 0",
        "memory, 64, hole, plain, 64, 0, 0, 0",
        "memory, 64, unwritten, plain, 64, 0, 0, 0",
        "memory, 64, written, plain, 64, 0, 0, 0",
        "memory, 2048, hole, plain, 4, 0, 4, 0",
        "memory, 2048, written, plain, 4, 0, 4, 0",
        "signal, 64, hole, sync, 64, 64, 0, 64",
        "signal, 64, unwritten, sync, 64, 64, 0, 64",
        "signal, 64, written, sync, 64, 64, 0, 0",
        "signal, 2048, hole, sync, 4, 4, 4, 4",
        "signal, 2048, written, sync, 4, 4, 4, 0",
        "signal, 64, written, plain, 64, 0, 0, 0",
        "disk, 64, hole, sync, 64, 64, 0, 64",
        "disk, 64, unwritten, sync, 64, 64, 0, 64",
        "disk, 64, written, sync, 64, 64, 0, 0",
        "disk, 2048, hole, sync, 4, 4, 4, 4",
        "disk, 64, hole, plain, 64, 0, 0, 0",
        "disk, 64, written, plain, 64, 0, 0, 0",
    })
    void storesCountAsOnExt4(
            String place,
            int pages,
            String content,
            String mode,
            int faults,
            int synchronous,
            int huge,
            int commits) {
        try (MountedVolume volume = mount(place)) {
            make(volume, pages, content);
            Map<String, Long> grown = touch(volume, pages, mode, "store");
            Map<String, Long> expected = new TreeMap<>();
            expected.put("write_faults", (long) faults);
            expected.put("synchronous_faults", (long) synchronous);
            expected.put("huge_faults", (long) huge);
            expected.put("fault_commits", (long) commits);
            expected.put("journal_commits_fault", (long) commits);
            grown.keySet().retainAll(expected.keySet());
            System.out.printf("%s %d %s %s: %s%n", place, pages, content, mode, grown);
            assertEquals(expected, grown);
        }
    }

    @ParameterizedTest(name = "{0}: {1} pages of {2}, loads only")
    @CsvSource({
        "memory, 64, hole",
        "memory, 64, unwritten",
        "memory, 64, written",
        "signal, 64, written",
        "memory, 2048, hole",
        "disk, 64, hole"
    })
    void loadsAllocateAndCommitNothing(String place, int pages, String content) {
        try (MountedVolume volume = mount(place)) {
            make(volume, pages, content);
            long blocks = Posix.lstat(volume.resolve("file")).blocks512();
            Map<String, Long> grown = touch(volume, pages, "sync", "load");
            assertTrue(grown.get("read_faults") >= 1, grown.toString());
            assertTrue(grown.get("read_faults") <= pages, grown.toString());
            assertEquals(0, grown.get("write_faults"), grown.toString());
            assertEquals(0, grown.get("fault_commits"), grown.toString());
            assertEquals(0, grown.get("allocated_blocks"), grown.toString());
            assertEquals(blocks, Posix.lstat(volume.resolve("file")).blocks512());
        }
    }

    private static MountedVolume mount(String place) {
        MountedVolume.assumeMounted();
        return MapTest.volume(place, "dax=always,commit=3600").mount();
    }

    private static void make(MountedVolume volume, int pages, String content) {
        long bytes = (long) pages * PAGE;
        int fd = Posix.create(volume.resolve("file"));
        switch (content) {
            case "hole" -> Posix.ftruncate(fd, bytes);
            case "unwritten" -> Posix.fallocate(fd, 0, 0, bytes);
            default -> {
                // Preallocated, so that it is one extent, and then written.
                Posix.fallocate(fd, 0, 0, bytes);
                for (long at = 0; at < bytes; at += 1 << 18) {
                    Posix.pwrite(fd, new byte[1 << 18], at);
                }
            }
        }
        Posix.fsync(fd);
        Posix.close(fd);
        volume.sync();
    }

    /** By how much each counter grew. */
    private static Map<String, Long> touch(
            MountedVolume volume, int pages, String mode, String access) {
        JsonNode before = volume.stats();
        MapTest.maptest("touch", volume.resolve("file"), pages, mode, access).ok();
        JsonNode after = volume.stats();
        Map<String, Long> grown = new TreeMap<>();
        for (String key :
                new String[] {
                    "read_faults",
                    "write_faults",
                    "synchronous_faults",
                    "huge_faults",
                    "fault_commits",
                    "journal_commits_fault",
                    "allocated_blocks"
                }) {
            grown.put(key, MountedVolume.counter(after, key) - MountedVolume.counter(before, key));
        }
        return grown;
    }
}
