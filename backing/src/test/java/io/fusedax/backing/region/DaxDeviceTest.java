package io.fusedax.backing.region;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.fusedax.backing.FsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Reads folders as sysfs has them on Linux 6.1; the real ones are read in virtual machines. */
class DaxDeviceTest {
    private static final long NUMBER = 252 << 8 | 3;

    @TempDir Path sys;
    private Path device;

    @BeforeEach
    void makeDevice() throws Exception {
        Path bus = Files.createDirectories(sys.resolve("bus/dax"));
        device = Files.createDirectories(sys.resolve("devices/ndbus0/region0/dax0.1/dax/dax0.0"));
        Files.createSymbolicLink(device.resolve("subsystem"), bus);
        Files.createSymbolicLink(sys.resolve("252:3"), device);
        attribute("size", "1054867456");
        attribute("align", "2097152");
    }

    private void attribute(String name, String value) throws Exception {
        Files.writeString(device.resolve(name), value + "\n");
    }

    @Test
    void sizeAndAlignmentAreTheKernels() throws Exception {
        DaxDevice found = DaxDevice.of(sys, NUMBER).orElseThrow();
        assertEquals(1054867456L, found.sizeBytes());
        assertEquals(2 << 20, found.alignmentBytes());
    }

    @Test
    void otherDevicesAreNone() throws Exception {
        assertEquals(Optional.empty(), DaxDevice.of(sys, NUMBER + 1));
        Files.delete(device.resolve("subsystem"));
        Files.createSymbolicLink(device.resolve("subsystem"), sys.resolve("class/mem"));
        assertEquals(Optional.empty(), DaxDevice.of(sys, NUMBER));
    }

    @ParameterizedTest
    @CsvSource({
        "size, ''",
        "size, 0",
        "size, -4096",
        "size, many",
        "align, ''",
        "align, 0",
        "align, 1024",
        "align, 12288",
        "align, 2147483648"
    })
    void nonsenseIsRefused(String name, String value) throws Exception {
        attribute(name, value);
        FsException e = assertThrows(FsException.class, () -> DaxDevice.of(sys, NUMBER));
        assertEquals(Errno.EIO, e.errno());
    }

    @ParameterizedTest
    @CsvSource({
        "cpu_cache, CPU_CACHE",
        "memory_controller, MEMORY_CONTROLLER",
        "unknown, UNKNOWN",
        "'', UNKNOWN"
    })
    void theDomainIsTheRegions(String text, PersistenceDomain domain) throws Exception {
        assertEquals(PersistenceDomain.UNKNOWN, PersistenceDomain.of(device));
        Files.writeString(sys.resolve("devices/ndbus0/region0/persistence_domain"), text + "\n");
        assertEquals(domain, PersistenceDomain.of(device));
        assertEquals(PersistenceDomain.UNKNOWN, PersistenceDomain.of(sys.resolve("nothing")));
    }

    @Test
    void theNamespaceOfABlockDeviceIsFound() throws Exception {
        Path region = sys.resolve("devices/ndbus0/region0");
        Path raw = Files.createDirectories(region.resolve("namespace0.0/block/pmem0"));
        assertEquals("namespace0.0", BlockDevices.namespaceOf(raw));
        Path fsdax = Files.createDirectories(region.resolve("pfn0.1/block/pmem1"));
        Files.writeString(region.resolve("pfn0.1/namespace"), "namespace0.1\n");
        assertEquals("namespace0.1", BlockDevices.namespaceOf(fsdax));
        Path disk = Files.createDirectories(sys.resolve("devices/pci0/block/vda"));
        assertNull(BlockDevices.namespaceOf(disk));
        assertNull(BlockDevices.namespaceOf(sys.resolve("nothing")));
    }
}
