package io.fusedax.tools;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.fusedax.backing.region.BadBlocks;
import io.fusedax.backing.region.Region;
import io.fusedax.backing.region.RegionOptions;
import io.fusedax.backing.region.Regions;
import io.fusedax.tools.region.PmemDevice;
import io.fusedax.tools.region.PmemDiscovery;
import io.fusedax.tools.region.RecordedSysfs;
import io.fusedax.tools.region.RegionMode;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** On files, and on recorded sysfs with a ndctl that only says what it is told to. */
final class RegionCommandTest {
    @TempDir Path directory;

    private Path file;
    private String out;
    private String err;

    @BeforeEach
    void name() {
        file = directory.resolve("region");
    }

    private int run(String... args) {
        StringWriter outText = new StringWriter();
        StringWriter errText = new StringWriter();
        int exitCode = FuseDax.run(new PrintWriter(outText), new PrintWriter(errText), args);
        out = outText.toString();
        err = errText.toString();
        return exitCode;
    }

    private JsonNode json() throws IOException {
        return new ObjectMapper().readTree(out);
    }

    private List<PmemDevice> recorded(String name) {
        RecordedSysfs.unpack(name, directory);
        return new PmemDiscovery(directory, RecordedSysfs.MEMMAP).find();
    }

    private static Namespaces answering(int exitCode, String stdout, String stderr) {
        return new Namespaces(command -> new Programs.Result(exitCode, stdout, stderr));
    }

    @Test
    void aFileIsMadeAndToldInFull() throws Exception {
        assertEquals(0, run("region", "create", "--size", "2M", file.toString()), () -> err);
        assertEquals(2 << 20, json().get("size").asInt());
        assertEquals(2 << 20, Files.size(file));
        assertEquals(false, json().get("in_use").asBoolean());
        assertTrue(json().get("fuse_dax").get("usable").asBoolean(), out);
        assertEquals("unknown", json().get("persistence_domain").asText());
        assertFalse(json().has("volume"));
    }

    @Test
    void aVolumeIsKeptUnlessForced() throws Exception {
        run("mkfs", "--size", "2M", "--label", "precious", file.toString());
        byte[] before = Files.readAllBytes(file);
        assertEquals(1, run("region", "create", "--size", "2M", file.toString()));
        assertTrue(
                err.startsWith("fuse-dax: region create: holds a volume, label \"precious\""), err);
        assertEquals(
                0, run("region", "create", "-n", "-f", "--size", "4M", file.toString()), () -> err);
        assertEquals("truncate -s 4194304 " + file + "\n", out);
        assertEquals(before.length, Files.size(file));
        assertEquals(0, run("region", "create", "-f", "--size", "4M", file.toString()), () -> err);
        assertFalse(json().has("volume"), out);
    }

    @Test
    void otherDataIsKept() throws Exception {
        byte[] data = new byte[1 << 20];
        data[4000] = 1;
        Files.write(file, data);
        assertEquals(1, run("region", "create", "--size", "1M", file.toString()));
        assertTrue(err.contains("holds other data; --force overwrites it"), err);
    }

    @Test
    void theVolumeOnAFileIsTold() throws Exception {
        run("mkfs", "--size", "2M", "--label", "x", file.toString());
        assertEquals(0, run("region", "list", "--type", "file,tmpfs", file.toString()), () -> err);
        JsonNode row = json().get(0);
        assertEquals("x", row.get("volume").get("label").asText());
        assertEquals(true, row.get("volume").get("clean").asBoolean());
        assertEquals(0, run("region", "list", "--type", "cxl", file.toString()));
        assertEquals(0, json().size());
        assertEquals(0, run("region", "show", "--human", file.toString()));
        assertEquals("2 MiB", json().get(0).get("size").asText());
    }

    @Test
    void whoUsesAFileIsTold() throws Exception {
        run("mkfs", "--size", "2M", file.toString());
        try (Region held = Regions.open(file, RegionOptions.defaults())) {
            assertTrue(held.sizeBytes() > 0);
            assertEquals(0, run("region", "show", file.toString()), () -> err);
        }
        assertTrue(json().get(0).get("in_use").asBoolean(), out);
        String pid = "(" + ProcessHandle.current().pid() + ")";
        assertTrue(json().get(0).get("users").get(0).asText().endsWith(pid), out);
    }

    @Test
    void aDamagedVolumeIsToldAsSuch() throws Exception {
        run("mkfs", "--size", "2M", file.toString());
        byte[] bytes = Files.readAllBytes(file);
        bytes[100] ^= 1;
        bytes[bytes.length - 4096 + 100] ^= 1;
        Files.write(file, bytes);
        assertEquals(0, run("region", "show", file.toString()), () -> err);
        assertEquals("damaged", json().get(0).get("volume").get("state").asText(), out);
    }

    @Test
    void filesHaveNoBadBlocksToClear() throws Exception {
        Files.write(file, new byte[4096]);
        assertEquals(0, run("region", "clear-errors", file.toString()), () -> err);
        assertEquals(0, json().get("cleared_count").asInt());
        assertEquals(1, run("region", "clear-errors", directory.resolve("none").toString()));
        assertEquals(1, run("region", "clear-errors", "/dev/null"));
        assertTrue(err.contains("not of persistent memory: /dev/null"), err);
    }

    @Test
    void whatIsNotThereIsNamed() {
        assertEquals(1, run("region", "show", "namespace99.99"));
        assertEquals(
                "fuse-dax: region show: no such file, device or namespace: namespace99.99\n", err);
        assertEquals(1, run("region", "list", file.toString()));
        assertEquals(1, run("region", "create", "--mode", "devdax", "region99"));
        assertEquals(1, run("region", "create", "--size", "1M", directory.toString()));
    }

    @ParameterizedTest
    @CsvSource({
        "namespace0.0, '--force --reconfig=namespace0.0'",
        "namespace3.1, '--force --reconfig=namespace3.1'"
    })
    void namespacesAreMadeAnewByNdctl(String namespace, String how) {
        PmemDevice device = find(namespace, recorded("used"));
        assertEquals(
                "ndctl create-namespace " + how + " --mode=devdax --align=4096",
                String.join(" ", Namespaces.createCommand(device, RegionMode.DEVDAX, 4096L, null)));
    }

    @Test
    void freeSpaceBecomesANamespaceOfItsRegion() {
        PmemDevice free =
                recorded("used").stream().filter(PmemDevice::isFree).findFirst().orElseThrow();
        assertEquals(
                List.of(
                        "ndctl",
                        "create-namespace",
                        "--region=region3",
                        "--mode=fsdax",
                        "--size=16777216"),
                Namespaces.createCommand(free, RegionMode.FSDAX, null, 16L << 20));
    }

    @Test
    void ndctlsAnswerNamesTheNamespace() throws Exception {
        List<String> command = List.of("ndctl", "create-namespace");
        assertEquals(
                "namespace0.1", answering(0, "{\"dev\":\"namespace0.1\"}", "").create(command));
        for (String answer : List.of("", "[", "{}", "{\"dev\":7}")) {
            assertThrows(CommandFailure.class, () -> answering(0, answer, "").create(command));
        }
        CommandFailure failure =
                assertThrows(
                        CommandFailure.class,
                        () -> answering(1, "", "  Error: no space\n\nfailed\n").create(command));
        assertEquals("ndctl create-namespace: Error: no space; failed", failure.getMessage());
        Namespaces missing =
                new Namespaces(
                        words -> {
                            throw new IOException("no such program");
                        });
        failure = assertThrows(CommandFailure.class, () -> missing.create(command));
        assertTrue(failure.getMessage().contains("apt-get install ndctl"));
    }

    @Test
    void programsOfThisMachineRun() throws Exception {
        Programs.Result result =
                Programs.installed()
                        .run(List.of("sh", "-c", "cat; echo out; echo err >&2; exit 3"));
        assertEquals(new Programs.Result(3, "out\n", "err\n"), result);
        assertThrows(
                IOException.class, () -> Programs.installed().run(List.of("fuse-dax-no-such")));
    }

    @Test
    void badBlocksAreOverwrittenWhereNdctlCannotClearThem() throws Exception {
        PmemDevice device = find("namespace0.0", recorded("used"));
        List<String> commands = new ArrayList<>();
        Programs recording =
                command -> {
                    commands.add(String.join(" ", command));
                    return new Programs.Result(commands.size() - 1, "", "no");
                };
        assertEquals("", new Namespaces(recording).overwrite(device, "not supported"));
        assertEquals(
                List.of(
                        "blkdiscard --zeroout --force --offset=209715200 --length=4096"
                                + " /dev/pmem0"),
                commands);
        assertEquals(
                "not supported; " + commands.get(0) + ": no",
                new Namespaces(recording).overwrite(device, "not supported"));
    }

    @Test
    void whatIsClearedIsWhatIsNotLeft() {
        List<BadBlocks.Range> before =
                List.of(new BadBlocks.Range(0, 4096), new BadBlocks.Range(8192, 512));
        assertEquals(before, Namespaces.gone(before, List.of()));
        assertEquals(List.of(), Namespaces.gone(before, before));
        assertEquals(
                List.of(
                        new BadBlocks.Range(0, 512),
                        new BadBlocks.Range(1024, 3072),
                        new BadBlocks.Range(8192, 512)),
                Namespaces.gone(before, List.of(new BadBlocks.Range(512, 512))));
    }

    @Test
    void signaturesAreBlkids() throws Exception {
        assertEquals(Optional.of("xfs"), signature(0, "DEVNAME=/dev/x\nTYPE=xfs\n", ""));
        assertEquals(Optional.of("gpt"), signature(0, "PTTYPE=gpt\n", ""));
        assertEquals(Optional.of("unknown"), signature(0, "", ""));
        assertEquals(Optional.of("several"), signature(8, "", "ambivalent result"));
        assertEquals(Optional.empty(), signature(2, "", ""));
        assertThrows(IOException.class, () -> signature(2, "", "error: /dev/x: denied"));
        assertThrows(IOException.class, () -> signature(1, "", ""));
    }

    private static Optional<String> signature(int exitCode, String stdout, String stderr)
            throws Exception {
        return Signature.of(
                Path.of("/dev/x"), command -> new Programs.Result(exitCode, stdout, stderr));
    }

    @Test
    void adviceOnWhatIsNotUsableIsCommands() {
        List<PmemDevice> devices = recorded("used");
        Map<String, Object> disabled = RegionAdvice.on(find("namespace4.0", devices), List.of());
        assertEquals(List.of("ndctl enable-namespace namespace4.0"), disabled.get("commands"));
        PmemDevice free = devices.stream().filter(PmemDevice::isFree).findFirst().orElseThrow();
        assertEquals(
                List.of(
                        "ndctl create-namespace -r region3 -m devdax",
                        "ndctl create-namespace -r region3 -m fsdax"),
                RegionAdvice.on(free, List.of()).get("commands"));
        List<Object> reasons = new ArrayList<>();
        for (String options : List.of("rw,dax=always", "rw", "rw,dax=never")) {
            String line = "25 1 259:1 / /mnt rw,relatime - ext4 /dev/pmem0 " + options;
            List<HostMounts.Entry> mounts = HostMounts.parse(List.of(line)).of("259:1");
            Map<String, Object> advice = RegionAdvice.on(find("namespace0.0", devices), mounts);
            assertEquals(
                    List.of("fuse-dax region create --size SIZE /mnt/region"),
                    advice.get("commands"));
            reasons.add(advice.get("reason"));
        }
        assertEquals(3, reasons.stream().distinct().count());
    }

    private static PmemDevice find(String namespace, List<PmemDevice> devices) {
        return devices.stream()
                .filter(device -> namespace.equals(device.namespace()))
                .findFirst()
                .orElseThrow();
    }
}
