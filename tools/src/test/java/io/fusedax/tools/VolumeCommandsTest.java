package io.fusedax.tools;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.fusedax.backing.region.Region;
import io.fusedax.backing.region.RegionOptions;
import io.fusedax.backing.region.Regions;
import io.fusedax.backing.volume.Caller;
import io.fusedax.backing.volume.Volume;
import io.fusedax.backing.volume.VolumeOptions;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** dump, stats and fsck of a volume that is not mounted. */
final class VolumeCommandsTest {
    private static final int BACKUP_FROM_END = 4096;

    @TempDir Path directory;

    private Path region;
    private StringWriter out;
    private StringWriter err;

    @BeforeEach
    void makeVolumeWithOneFile() throws Exception {
        region = directory.resolve("region");
        assertEquals(0, run("mkfs", "--size", "4M", "--label", "test", region.toString()));
        byte[] name = "file".getBytes(StandardCharsets.US_ASCII);
        try (Region opened = Regions.open(region, RegionOptions.defaults());
                Volume volume = Volume.open(opened, VolumeOptions.defaults())) {
            long inode =
                    volume.mknod(Volume.ROOT_INODE, name, 0, name.length, 0100644, 0, Caller.ROOT);
            volume.write(inode, 0, new byte[10_000], 0, 10_000, 0, Caller.ROOT);
        }
    }

    private int run(String... args) {
        out = new StringWriter();
        err = new StringWriter();
        return FuseDax.run(new PrintWriter(out), new PrintWriter(err), args);
    }

    private JsonNode json(String... args) throws IOException {
        assertEquals(0, run(args), () -> err.toString());
        return new ObjectMapper().readTree(out.toString());
    }

    private JsonNode dump(String... words) throws IOException {
        String[] args = new String[words.length + 3];
        args[0] = "dump";
        args[1] = "--json";
        args[2] = region.toString();
        System.arraycopy(words, 0, args, 3, words.length);
        return json(args);
    }

    @Test
    void dumpShowsEveryStructureAsJson() throws IOException {
        assertEquals("test", dump("superblock").get("label").asText());
        assertEquals(10_000, dump("inode", "/file").get("file_size").asInt());
        assertEquals(2, dump("inode", "2").get("inode").asInt());
        int blocks = 0;
        for (JsonNode extent : dump("extents", "/file").get("extents")) {
            blocks += extent.get("length_blocks").asInt();
        }
        assertTrue(blocks >= 3);
        assertEquals("file", dump("directory", "/").findValue("name").asText());
        assertTrue(dump("journal").get("transactions").isArray());
        assertEquals(0, dump("group", "0").get("group").asInt());
    }

    @Test
    void dumpIsReadableWithoutJson() {
        assertEquals(0, run("dump", region.toString(), "superblock"));
        assertTrue(
                out.toString().lines().anyMatch("label:                 test"::equals),
                out.toString());
    }

    @Test
    void dumpNamesWhatIsNotThere() {
        assertEquals(1, run("dump", region.toString(), "inode", "/none"));
        assertTrue(err.toString().contains("/none"), err.toString());
        assertEquals(1, run("dump", region.toString(), "group", "77"));
        assertTrue(err.toString().contains("group 77"), err.toString());
    }

    @Test
    void statsOfARegionAtRestHaveSpaceButNoCounters() throws IOException {
        JsonNode stats = json("stats", "--json", region.toString());
        assertEquals(region.toString(), stats.get("region").asText());
        assertEquals(false, stats.get("mounted").asBoolean());
        assertEquals("test", stats.get("label").asText());
        assertTrue(stats.get("free_bytes").asLong() > 0);
        assertTrue(stats.get("free_bytes").asLong() < stats.get("total_bytes").asLong());
        assertEquals(null, stats.get("counters"));
    }

    @Test
    void severalRegionsGiveSeveralDocuments() throws IOException {
        assertEquals(0, run("stats", "--json", region.toString(), region.toString()));
        try (var documents =
                new ObjectMapper().readerFor(JsonNode.class).readValues(out.toString())) {
            assertEquals(2, documents.readAll().size());
        }
    }

    @Test
    void fsckOfACleanVolumeExitsWith0() {
        assertEquals(0, run("fsck", "-n", region.toString()), () -> out.toString());
        assertEquals(region + ": clean\n", out.toString());
        assertEquals(0, run("fsck", "-fy", region.toString()));
    }

    @Test
    void fsckLeavesWithoutRepairAndCorrectsWith() throws IOException {
        byte[] bytes = Files.readAllBytes(region);
        bytes[bytes.length - BACKUP_FROM_END + 100] ^= 1;
        Files.write(region, bytes);
        assertEquals(4, run("fsck", "-n", region.toString()), () -> out.toString());
        assertEquals(1, run("fsck", "-p", region.toString()), () -> out.toString());
        assertEquals(0, run("fsck", "-n", region.toString()), () -> out.toString());
    }

    @Test
    void fsckOfWhatIsNoVolumeExitsWith8() throws IOException {
        Path other = Files.write(directory.resolve("other"), new byte[1 << 20]);
        assertEquals(8, run("fsck", "-n", other.toString()));
        assertEquals(1, err.toString().lines().count(), err.toString());
        assertEquals(8, run("fsck", directory.toString()));
    }

    @Test
    void aRegionInUseIsRefusedNamingTheHolder() throws Exception {
        String pid = Long.toString(ProcessHandle.current().pid());
        try (Region held = Regions.open(region, RegionOptions.defaults())) {
            assertEquals(8, run("fsck", "-n", held.description()));
            assertTrue(err.toString().contains(pid), err.toString());
            assertEquals(1, run("mkfs", "--force", held.description()));
            assertTrue(err.toString().contains(pid), err.toString());
        }
    }
}
