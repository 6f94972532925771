package io.fusedax.tools.region;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.region.BadBlocks;
import io.fusedax.backing.region.PersistenceDomain;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** On sysfs as real guests had it, whole and damaged. */
final class PmemDiscoveryTest {
    private static final String REGION_0 = "devices/platform/e820_pmem/ndbus0/region0/";
    private static final String REGION_1 = "devices/platform/e820_pmem/ndbus0/region1/";

    @TempDir Path sys;

    private List<PmemDevice> find(String recording) {
        RecordedSysfs.unpack(recording, sys);
        return find();
    }

    private List<PmemDevice> find() {
        return new PmemDiscovery(sys, RecordedSysfs.MEMMAP).find();
    }

    private static PmemDevice named(String namespace, List<PmemDevice> devices) {
        return devices.stream()
                .filter(device -> namespace.equals(device.namespace()))
                .findFirst()
                .orElseThrow();
    }

    private void write(String attribute, String content) throws IOException {
        Files.writeString(sys.resolve(attribute), content);
    }

    private static String summary(PmemDevice device) {
        return String.join(
                " ",
                device.name(),
                device.type().word(),
                String.valueOf(device.region()),
                String.valueOf(device.namespace()),
                device.mode() == null ? "-" : device.mode().word(),
                String.valueOf(device.sizeBytes()),
                String.valueOf(device.alignmentBytes()),
                device.persistenceDomain().name());
    }

    @Test
    void everyBusIsToldByItsProvider() {
        assertEquals(
                List.of(
                        "/dev/pmem0 memmap region0 namespace0.0 fsdax 268435456 null UNKNOWN",
                        "/dev/pmem1 memmap region1 namespace1.0 fsdax 268435456 null UNKNOWN",
                        "/dev/pmem2 nvdimm region2 namespace2.0 raw 536870912 null"
                                + " MEMORY_CONTROLLER",
                        "/dev/pmem3s nvdimm region3 namespace3.0 sector 133005312 null"
                                + " MEMORY_CONTROLLER",
                        "/dev/dax3.1 nvdimm region3 namespace3.1 devdax 130023424 4096"
                                + " MEMORY_CONTROLLER",
                        "/dev/pmem4 virtio-pmem region4 namespace4.0 fsdax 268435456 null UNKNOWN"),
                find("fresh").stream()
                        .filter(device -> !device.isFree())
                        .map(PmemDiscoveryTest::summary)
                        .toList());
    }

    @Test
    void everyModeIsToldWithSizeAndAlignmentOfWhatPresentsIt() {
        assertEquals(
                List.of(
                        "/dev/pmem0 memmap region0 namespace0.0 fsdax 262144000 4096 UNKNOWN",
                        "/dev/dax1.0 memmap region1 namespace1.0 devdax 262144000 2097152 UNKNOWN",
                        "/dev/pmem2 nvdimm region2 namespace2.0 raw 536870912 null"
                                + " MEMORY_CONTROLLER",
                        "/dev/pmem3s nvdimm region3 namespace3.0 sector 133005312 null"
                                + " MEMORY_CONTROLLER",
                        "/dev/dax3.1 nvdimm region3 namespace3.1 devdax 130023424 4096"
                                + " MEMORY_CONTROLLER",
                        "region3 nvdimm region3 null - 251658240 16777216 MEMORY_CONTROLLER",
                        "namespace4.0 virtio-pmem region4 namespace4.0 fsdax 268435456 null"
                                + " UNKNOWN"),
                find("used").stream().map(PmemDiscoveryTest::summary).toList());
        PmemDevice sector = named("namespace3.0", find());
        assertEquals(4096, sector.sectorBytes());
        assertEquals("75668f22-68d7-4181-915d-8e04eae07c62", sector.uuid());
        assertEquals(0, sector.numaNode());
        assertNull(named("namespace4.0", find()).path());
        assertEquals(List.of(), find().stream().flatMap(d -> d.problems().stream()).toList());
    }

    @Test
    void withoutMemmapItIsTheFirmwaresMap() {
        RecordedSysfs.unpack("fresh", sys);
        List<PmemDevice> found = new PmemDiscovery(sys, "quiet memmap=64K$0x18690000").find();
        assertEquals(RegionType.E820, named("namespace0.0", found).type());
    }

    @Test
    void badBlocksOfBlockDevicesAreTheirOwn() {
        List<PmemDevice> devices = find("used");
        assertEquals(
                List.of(new BadBlocks.Range(409_600L * 512, 8 * 512)),
                named("namespace0.0", devices).badBlocks());
        assertEquals(
                List.of(new BadBlocks.Range(1000 * 512, 512)),
                named("namespace2.0", devices).badBlocks());
    }

    @Test
    void badBlocksOfADeviceDaxAreCutOutOfItsRegions() throws IOException {
        RecordedSysfs.unpack("used", sys);
        long before = (0x110600000L - 0x110000000L) / 512; // where the device starts in its region
        write(REGION_1 + "badblocks", "0 8\n" + (before - 1) + " 3\n" + (before + 100) + " 1\n");
        assertEquals(
                List.of(new BadBlocks.Range(0, 1024), new BadBlocks.Range(51_200, 512)),
                named("namespace1.0", find()).badBlocks());
    }

    @Test
    void aDeviceFileIsFoundByItsNumberAndSoAreItsPartitions() throws IOException {
        RecordedSysfs.unpack("used", sys);
        PmemDiscovery discovery = new PmemDiscovery(sys, "");
        long dax = 252 << 8 | 4;
        assertEquals("dax3.1", discovery.ofDevice(false, dax).orElseThrow().deviceName());
        assertEquals(Optional.empty(), discovery.ofDevice(true, dax));
        Path disk = sys.resolve("dev/block/259:1").toRealPath();
        Path partition = Files.createDirectories(disk.resolve("pmem0p1"));
        Files.createSymbolicLink(sys.resolve("dev/block/259:9"), partition);
        long number = (259L & 0xfff) << 8 | 9;
        assertEquals("pmem0", discovery.ofDevice(true, number).orElseThrow().deviceName());
    }

    @Test
    void aDeviceDaxWithoutNamespaceIsToldToo() throws IOException {
        Path device = Files.createDirectories(sys.resolve("devices/platform/hmem.0/dax0.0"));
        Files.writeString(device.resolve("size"), "1073741824\n");
        Files.writeString(device.resolve("align"), "2097152\n");
        Files.writeString(device.resolve("numa_node"), "-1\n");
        Files.createSymbolicLink(device.resolve("driver"), Path.of("/sys/bus/dax/drivers/kmem"));
        Files.createDirectories(sys.resolve("bus/dax/devices"));
        Files.createSymbolicLink(sys.resolve("bus/dax/devices/dax0.0"), device);
        PmemDevice found = find().get(0);
        assertEquals(
                "/dev/dax0.0 hmem null null system-ram 1073741824 2097152 UNKNOWN", summary(found));
        assertNull(found.numaNode());
        assertEquals(PersistenceDomain.UNKNOWN, found.persistenceDomain());
    }

    @Test
    void aMachineWithoutAnyHasNone() {
        assertEquals(List.of(), find());
    }

    @ParameterizedTest
    @ValueSource(strings = {"-1", "1e9", "99999999999999999999", "\u0000\u001b[31m", "0x", "9 9"})
    void nonsenseIsNamedAndLeftOut(String nonsense) throws IOException {
        RecordedSysfs.unpack("used", sys);
        write(REGION_0 + "pfn0.0/align", nonsense);
        write(REGION_0 + "pfn0.0/block/pmem0/badblocks", nonsense + "\n8 1\n");
        PmemDevice device = named("namespace0.0", find());
        assertNull(device.alignmentBytes());
        List<BadBlocks.Range> good = List.of(new BadBlocks.Range(4096, 512));
        assertEquals(
                good,
                device.badBlocks()
                        .subList(device.badBlocks().size() - 1, device.badBlocks().size()));
        assertTrue(device.problems().get(0).contains("pfn0.0/align: '"), device.toString());
        assertTrue(device.problems().get(0).chars().noneMatch(Character::isISOControl));
    }

    @Test
    void anAlignmentThatIsNoPowerOfTwoIsNone() throws IOException {
        RecordedSysfs.unpack("used", sys);
        write(REGION_0 + "pfn0.0/align", "4095\n");
        PmemDevice device = named("namespace0.0", find());
        assertNull(device.alignmentBytes());
        assertTrue(device.problems().get(0).endsWith("'4095' is not a power of two"));
    }

    @Test
    void aHolderCannotLeadElsewhere() throws IOException {
        RecordedSysfs.unpack("used", sys);
        write(REGION_0 + "namespace0.0/holder", "../region1/dax1.0\n");
        PmemDevice device = named("namespace0.0", find());
        assertNull(device.deviceName());
        assertEquals(268_435_456, device.sizeBytes());
    }

    @Test
    void whateverIsMissingOrGarbageSomethingIsTold() throws IOException {
        long seed = Long.getLong("fusedax.seed", new Random().nextLong());
        Random random = new Random(seed);
        RecordedSysfs.unpack("used", sys);
        List<Path> files;
        try (Stream<Path> all = Files.walk(sys)) {
            files = all.filter(path -> !Files.isDirectory(path)).toList();
        }
        for (int round = 0; round < files.size(); round++) {
            Path victim = files.get(random.nextInt(files.size()));
            if (Files.isRegularFile(victim) && random.nextBoolean()) {
                byte[] garbage = new byte[random.nextInt(100)];
                random.nextBytes(garbage);
                Files.write(victim, garbage);
            } else {
                Files.deleteIfExists(victim);
            }
            for (PmemDevice device : find()) {
                assertTrue(device.name() != null && device.type() != null, () -> "seed=" + seed);
            }
        }
    }
}
