package io.fusedax.backing.region;

import static io.fusedax.backing.region.TestRegions.assertRefused;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.FsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class RegionLockTest {
    private static final long SIZE_BYTES = 64 << 10;
    private static final RegionOptions WRITER = RegionOptions.defaults();
    private static final RegionOptions CREATE = WRITER.withCreateSizeBytes(SIZE_BYTES);
    private static final RegionOptions READER = WRITER.withReadOnly(true);

    @TempDir Path directory;

    private static void assertNames(long pid, FsException e) {
        assertTrue(e.getMessage().endsWith(": in use by process " + pid), e.getMessage());
    }

    @Test
    void writerKeepsEveryoneElseOut() throws Exception {
        Path image = directory.resolve("volume.img");
        long self = ProcessHandle.current().pid();
        Region region = Regions.open(image, CREATE);
        assertNames(self, assertRefused(Errno.EBUSY, image, WRITER));
        assertNames(self, assertRefused(Errno.EBUSY, image, READER));
        assertNames(self, assertRefused(Errno.EBUSY, image, CREATE.withOverwrite(true)));
        region.close();
        Regions.open(image, WRITER).close();
    }

    @Test
    void readersShareAndKeepAWriterOut() throws Exception {
        Path image = directory.resolve("volume.img");
        Regions.open(image, CREATE).close();
        try (Region first = Regions.open(image, READER);
                Region second = Regions.open(image, READER)) {
            assertEquals(first.sizeBytes(), second.sizeBytes());
            assertNames(ProcessHandle.current().pid(), assertRefused(Errno.EBUSY, image, WRITER));
        }
        Regions.open(image, WRITER).close();
    }

    @Test
    void refusedOverwriteHarmsNothing() throws Exception {
        Path image = directory.resolve("volume.img");
        try (Region region = Regions.open(image, CREATE)) {
            region.putLong(0, 42);
            assertRefused(Errno.EBUSY, image, CREATE.withOverwrite(true).withCreateSizeBytes(4096));
            assertEquals(42, region.getLong(0));
            assertEquals(SIZE_BYTES, Files.size(image));
        }
    }

    @Test
    void anotherProcessIsNamedAndItsLockEndsWithIt() throws Exception {
        Path image = directory.resolve("volume.img");
        try (RegionChild child = RegionChild.start(List.of(), image.toString(), SIZE_BYTES)) {
            assertEquals("rw " + image, child.answer());
            assertNames(child.pid(), assertRefused(Errno.EBUSY, image, WRITER));
            assertNames(child.pid(), assertRefused(Errno.EBUSY, image, READER));
            child.kill();
            Regions.open(image, WRITER).close();
        }
    }

    @Test
    void memfdOfAnotherProcessIsLockedToo() throws Exception {
        try (RegionChild child = RegionChild.start(List.of(), "memfd:shared", SIZE_BYTES)) {
            assertTrue(
                    child.answer().startsWith("rw /proc/" + child.pid() + "/fd/"), child.answer());
            Path path = Path.of(child.answer().substring("rw ".length()));
            assertNames(child.pid(), assertRefused(Errno.EBUSY, path, WRITER));
        }
    }

    @Test
    void memfdIsOpenedByItsDescriptorPath() throws Exception {
        try (Descriptor memory = Descriptor.memfd("loose")) {
            memory.truncate(SIZE_BYTES);
            try (Region region = Regions.open(memory.publicPath(), WRITER)) {
                assertEquals(RegionKind.MEMFD, region.kind());
                assertEquals(SIZE_BYTES, region.sizeBytes());
                assertNames(
                        ProcessHandle.current().pid(),
                        assertRefused(Errno.EBUSY, memory.publicPath(), WRITER));
            }
        }
    }

    @Test
    void holdersAreMatchedByDeviceAndInode() {
        List<String> lines =
                List.of(
                        "1: FLOCK  ADVISORY  WRITE 100 fe:00:17 0 EOF",
                        "2: FLOCK  ADVISORY  READ 101 103:10002:17 0 EOF",
                        "2: -> FLOCK  ADVISORY  READ 102 103:10002:17 0 EOF",
                        "3: POSIX  ADVISORY  WRITE 103 103:10002:17 0 EOF",
                        "4: FLOCK  ADVISORY  READ 104 103:10002:17 0 EOF",
                        "5: FLOCK  ADVISORY  READ 0 103:10002:17 0 EOF",
                        "6: FLOCK  ADVISORY  READ 105 103:10002:18 0 EOF");
        long device = 0x103L << 8 | 0x02 | 0x100L << 20; // major 0x103, minor 0x10002
        assertEquals(List.of(101L, 104L), RegionLock.holders(lines, device, 17));
        assertEquals(List.of(100L), RegionLock.holders(lines, 0xfe00, 17));
        assertEquals(List.of(), RegionLock.holders(lines, 0xfe00, 18));
    }
}
