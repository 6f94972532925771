package io.fusedax.tests.vm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.fusedax.tests.support.Command;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/**
 * {@code fuse-dax region} on memory that the kernel takes for persistent (memmap=) and on an
 * NVDIMM. Neither lets errors be injected, which ndctl does with nfit_test only: bad blocks are
 * written to the block device's list in sysfs, which the kernel heeds.
 */
@Tag("vm")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class RegionCommandIT {
    private static final Duration LIMIT = Duration.ofMinutes(20);

    /** What each step printed, and its status as the last line. */
    private final Map<String, String> steps = new LinkedHashMap<>();

    private Command.Result guest;

    @BeforeAll
    void runAll(@TempDir Path folder) {
        VirtualMachine.assumePossible();
        guest =
                new VirtualMachine()
                        .with("--memory", "3G", "--memmap", "1G!4G")
                        .nvdimm(folder.resolve("nvdimm"), "256M")
                        .timeout(LIMIT)
                        .run(VirtualMachine.guestScript("regions"));
        String name = "";
        for (String line : guest.out().lines().toList()) {
            if (line.startsWith("== ")) {
                name = line.substring(3);
            } else {
                steps.merge(name, line + "\n", String::concat);
            }
        }
    }

    private String step(String name, int status) {
        String text = steps.getOrDefault(name, guest.toString());
        String end = "status " + status + "\n";
        assertTrue(text.endsWith(end), name + ": " + text);
        return text.substring(0, text.length() - end.length());
    }

    private JsonNode json(String name, int status) throws IOException {
        return new ObjectMapper().readTree(step(name, status));
    }

    private static JsonNode ofType(String type, JsonNode rows) {
        for (JsonNode row : rows) {
            if (row.get("type").asText().equals(type)) {
                return row;
            }
        }
        throw new AssertionError("no " + type + ": " + rows);
    }

    @Test
    void theGuestCameToItsEnd() {
        assertEquals(0, guest.exitCode(), guest.toString());
        step("list-volume", 0);
    }

    @Test
    void listTellsHowEachIsEmulated() throws IOException {
        JsonNode memmap = ofType("memmap", json("list", 0));
        assertEquals("e820", memmap.get("provider").asText());
        assertEquals("fsdax", memmap.get("mode").asText());
        assertEquals(1L << 30, memmap.get("size").asLong());
        assertEquals("unknown", memmap.get("persistence_domain").asText());
        assertFalse(memmap.get("in_use").asBoolean());
        JsonNode nvdimm = ofType("nvdimm", json("list", 0));
        assertEquals("ACPI.NFIT", nvdimm.get("provider").asText());
        assertEquals("raw", nvdimm.get("mode").asText());
        assertTrue(nvdimm.get("path").asText().matches("/dev/pmem\\d"));
        assertEquals(0, nvdimm.get("badblock_count").asInt());
        assertFalse(nvdimm.has("problems"), nvdimm.toString());
    }

    @Test
    void rawMemoryIsRefusedWithTheCommandsThatMakeItUsable() throws IOException {
        JsonNode advice = json("show-raw", 0).get(0).get("fuse_dax");
        assertFalse(advice.get("usable").asBoolean());
        assertTrue(advice.get("reason").asText().contains("no MAP_SYNC"), advice.toString());
        String namespace = json("show-raw", 0).get(0).get("namespace").asText();
        assertEquals(
                List.of(
                        "ndctl create-namespace -f -e " + namespace + " -m devdax",
                        "ndctl create-namespace -f -e " + namespace + " -m fsdax"),
                List.of(
                        advice.get("commands").get(0).asText(),
                        advice.get("commands").get(1).asText()));
        assertEquals(
                "ndctl create-namespace --force --reconfig="
                        + namespace
                        + " --mode=devdax --align=4096\n",
                step("dry-run", 0));
    }

    @Test
    void dataAndUsersAreRefused() {
        assertTrue(step("create-on-data", 1).contains("holds data, ext4; --force"));
        assertTrue(step("create-on-mounted", 1).contains("in use by ext4 on /tmp/files"));
        assertTrue(step("create-on-volume", 1).contains("holds a volume, label \"precious\""));
    }

    @Test
    void aFileOnADaxFileSystemIsMappedWithMapSync() throws IOException {
        JsonNode file = json("create-file", 0);
        assertEquals(64 << 20, file.get("size").asInt());
        assertEquals("always", file.get("file_system").get("dax").asText());
        assertEquals("fsdax", file.get("fuse_dax").get("kind").asText());
        assertEquals("libpmem", file.get("fuse_dax").get("flush_mechanism").asText());
        JsonNode directory = json("show-directory", 0).get(0);
        assertEquals("ext4", directory.get("file_system").get("type").asText());
        assertTrue(directory.get("in_use").asBoolean());
    }

    @Test
    void badBlocksAreToldAndClearedWhereThePlatformCan() throws IOException {
        step("inject", 161);
        for (String type : List.of("memmap", "nvdimm")) {
            JsonNode row = ofType(type, json("bad-blocks", 0));
            assertEquals(3, row.get("badblock_count").asInt());
            assertEquals(2050, row.get("badblocks").get(0).get("offset").asInt());
        }
        assertTrue(step("read-bad", 1).contains("Input/output error"));
        JsonNode cleared = json("clear-memmap", 0);
        assertEquals(3, cleared.get("cleared_count").asInt());
        assertEquals(0, cleared.get("badblock_count").asInt());
        assertEquals("0\n", step("read-cleared", 0)); // what was random is zeros
        JsonNode left = json("clear-nvdimm", 1); // QEMU's NVDIMM has no command for it
        assertEquals(0, left.get("cleared_count").asInt());
        assertEquals(3, left.get("badblock_count").asInt());
        assertTrue(left.get("problem").asText().contains("ndctl"), left.toString());
    }

    @Test
    void aDeviceDaxIsMadeAndItsVolumeTold() throws IOException {
        JsonNode made = json("create-devdax", 0);
        assertEquals("devdax", made.get("mode").asText());
        assertEquals(4096, made.get("align").asInt());
        assertTrue(made.get("path").asText().startsWith("/dev/dax"));
        assertEquals("devdax", made.get("fuse_dax").get("kind").asText());
        assertEquals("libpmem", made.get("fuse_dax").get("flush_mechanism").asText());
        step("mkfs", 0);
        step("mount", 0);
        JsonNode mounted = ofType("memmap", json("list-mounted", 0));
        assertTrue(mounted.get("in_use").asBoolean());
        assertEquals("mounted", mounted.get("volume").get("state").asText());
        assertEquals("fuse-dax on /tmp/volume", mounted.get("users").get(0).asText());
        step("umount", 0);
        JsonNode atRest = ofType("memmap", json("list-volume", 0));
        assertEquals("precious", atRest.get("volume").get("label").asText());
        assertTrue(atRest.get("volume").get("clean").asBoolean());
        assertFalse(atRest.get("in_use").asBoolean());
        assertEquals(
                mounted.get("volume").get("uuid").asText(),
                atRest.get("volume").get("uuid").asText());
    }
}
