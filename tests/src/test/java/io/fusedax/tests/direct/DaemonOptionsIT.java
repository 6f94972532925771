package io.fusedax.tests.direct;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.fusedax.tests.support.Command;
import io.fusedax.tests.support.MountedVolume;
import io.fusedax.tests.support.Posix;
import org.junit.jupiter.api.Test;

/** Mount options of direct mappings, and what stats tells of them. */
final class DaemonOptionsIT {
    private static final int PAGE = 4096;
    private static final int PAGES = 64;

    private static MountedVolume mount(String options) {
        MountedVolume.assumeMounted();
        MountedVolume volume =
                MountedVolume.builder().mountOptions("commit=3600," + options).mount();
        int fd = Posix.create(volume.resolve("file"));
        Posix.ftruncate(fd, (long) PAGES * PAGE);
        Posix.close(fd);
        volume.sync();
        return volume;
    }

    private static Command store(MountedVolume volume) {
        return MapTest.maptest("touch", volume.resolve("file"), PAGES, "sync", "store");
    }

    @Test
    void widerGrantsMakeFewerFaultsAndCommits() {
        try (MountedVolume volume = mount("dax=always,fault=around:64k")) {
            store(volume).ok();
            JsonNode stats = volume.stats();
            assertEquals(4, MountedVolume.counter(stats, "write_faults"));
            assertEquals(4, MountedVolume.counter(stats, "fault_commits"));
            assertTrue(MountedVolume.counter(stats, "fault_latency_p50_nanoseconds") > 0);
        }
    }

    @Test
    void withoutAMechanismNothingIsMappedDirectly() {
        try (MountedVolume volume = mount("dax=always,direct=none")) {
            assertNotEquals(0, store(volume).run().exitCode());
            assertEquals(0, MountedVolume.counter(volume.stats(), "write_faults"));
        }
    }

    @Test
    void faultsAreToldForEachFile() throws Exception {
        try (MountedVolume volume = mount("dax=always")) {
            Posix.close(Posix.create(volume.resolve("other")));
            store(volume).ok();
            assertEquals(PAGES, ofFile(volume, "file").get("write_faults").asLong());
            assertEquals(PAGES, ofFile(volume, "file").get("fault_commits").asLong());
            assertEquals(0, ofFile(volume, "other").get("write_faults").asLong());
            String text =
                    MountedVolume.fuseDax("stats", "--file", volume.resolve("file")).ok().out();
            assertTrue(text.contains("synchronous_faults"), text);
        }
    }

    private static JsonNode ofFile(MountedVolume volume, String name) throws Exception {
        String json =
                MountedVolume.fuseDax("stats", "--json", "--file", volume.resolve(name)).ok().out();
        return new ObjectMapper().readTree(json).get("counters");
    }

    @Test
    void aReadOnlyMountIsMappedForLoads() {
        try (MountedVolume volume = mount("dax=always")) {
            volume.unmount();
            volume.mount("ro,dax=always");
            MapTest.maptest("touch", volume.resolve("file"), PAGES, "sync", "load").run();
            assertNotEquals(0, store(volume).run().exitCode());
            assertEquals(0, MountedVolume.counter(volume.stats(), "write_faults"));
        }
    }

    @Test
    void whatStoresChangeShowsInAttributes() {
        try (MountedVolume volume = mount("dax=always")) {
            assertEquals(0, Posix.lstat(volume.resolve("file")).blocks512());
            store(volume).ok();
            assertEquals(PAGES * 8, Posix.lstat(volume.resolve("file")).blocks512());
        }
    }
}
