package io.fusedax.backing.region;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.Counter;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class MappedRegionTest {
    private static final int SIZE_BYTES = 64 << 10;
    private static final RegionOptions CREATE =
            RegionOptions.defaults().withCreateSizeBytes(SIZE_BYTES);

    @TempDir Path directory;

    private Path image() {
        return directory.resolve("volume.img");
    }

    @ParameterizedTest
    @MethodSource("io.fusedax.backing.region.TestRegions#kinds")
    void saysWhatItIs(RegionKind kind) throws Exception {
        try (MappedRegion region = TestRegions.create(kind, SIZE_BYTES + 100)) {
            assertEquals(SIZE_BYTES, region.sizeBytes());
            assertEquals(4096, region.alignmentBytes());
            assertFalse(region.readOnly());
            assertTrue(region.path().isPresent());
            assertTrue(
                    region.description()
                            .contains(kind == RegionKind.MEMFD ? "memfd:test" : "fusedax-region"));
        }
    }

    @ParameterizedTest
    @MethodSource("io.fusedax.backing.region.TestRegions#kinds")
    void startsAtAnAddressThatAllowsHugePages(RegionKind kind) throws Exception {
        try (MappedRegion first = TestRegions.create(kind, SIZE_BYTES);
                MappedRegion second = TestRegions.create(kind, 3L << 20)) {
            assertEquals(0, first.address() % Mapping.HUGE_PAGE_BYTES);
            assertEquals(0, second.address() % Mapping.HUGE_PAGE_BYTES);
        }
    }

    @Test
    void leavesNoAddressSpaceBehind() throws Exception {
        long before = mappings("memfd:test");
        for (int i = 0; i < 3; i++) {
            try (MappedRegion region = TestRegions.create(RegionKind.MEMFD, 3L << 20)) {
                assertEquals(before + 1, mappings("memfd:test"));
                long start = region.address();
                assertEquals(
                        1,
                        mappings(
                                Long.toHexString(start)
                                        + "-"
                                        + Long.toHexString(start + (3L << 20))));
            }
        }
        assertEquals(before, mappings("memfd:test"));
    }

    private static long mappings(String what) throws Exception {
        return Files.readAllLines(Path.of("/proc/self/maps")).stream()
                .filter(line -> line.contains(what))
                .count();
    }

    @Test
    void mapsTheOffsetAskedForAndNotAnother() throws Exception {
        long offset = (4L << 30) + 3 * 4096;
        try (Region region = Regions.open(image(), CREATE.withCreateSizeBytes(5L << 30));
                Descriptor name = Descriptor.openName(image());
                Descriptor file = name.reopen(Libc.O_RDWR)) {
            region.putLong(0, 1);
            region.putLong(offset, 2);
            long address =
                    Libc.mmap(
                            0,
                            4096,
                            Libc.PROT_READ | Libc.PROT_WRITE,
                            Libc.MAP_SHARED,
                            file.fd(),
                            offset);
            assertTrue(address != -1);
            assertEquals(2, NativeMemory.getLong(address));
            Libc.C.munmap(address, 4096);
        }
    }

    @Test
    void numbersAreLittleEndianInTheFile() throws Exception {
        try (Region region = Regions.open(image(), CREATE)) {
            region.putLong(9, 0x0102030405060708L);
            region.putInt(4096, 0x0a0b0c0d);
        }
        ByteBuffer bytes =
                ByteBuffer.wrap(Files.readAllBytes(image())).order(ByteOrder.LITTLE_ENDIAN);
        assertEquals(SIZE_BYTES, bytes.capacity());
        assertEquals(0x0102030405060708L, bytes.getLong(9));
        assertEquals(0x0a0b0c0d, bytes.getInt(4096));
    }

    @Test
    void contentIsThereWhenOpenedAgain() throws Exception {
        try (Region region = Regions.open(image(), CREATE)) {
            region.putLong(SIZE_BYTES - 8, 42);
        }
        try (Region region = Regions.open(image(), RegionOptions.defaults())) {
            assertEquals(SIZE_BYTES, region.sizeBytes());
            assertEquals(42, region.getLong(SIZE_BYTES - 8));
        }
    }

    @Test
    void noAccessReachesOutside() throws Exception {
        byte[] heap = new byte[100];
        try (MappedRegion region = TestRegions.create(RegionKind.MEMFD, SIZE_BYTES)) {
            for (long offset :
                    new long[] {
                        -1, Long.MIN_VALUE, SIZE_BYTES - 3, SIZE_BYTES, Long.MAX_VALUE, 1L << 32
                    }) {
                List<Executable> accesses =
                        List.of(
                                () -> region.getInt(offset),
                                () -> region.putInt(offset, 0),
                                () -> region.getLong(offset),
                                () -> region.putLong(offset, 0),
                                () -> region.read(offset, heap, 0, 4),
                                () -> region.write(offset, heap, 0, 4),
                                () -> region.readTo(offset, 0, 4),
                                () -> region.writeFrom(offset, 0, 4),
                                () -> region.copy(offset, 0, 4),
                                () -> region.copy(0, offset, 4),
                                () -> region.zero(offset, 4),
                                () -> region.flush(offset, 4),
                                () -> region.punch(offset, 4),
                                () -> region.zero(1, Long.MAX_VALUE),
                                () -> region.zero(1, offset < 0 ? offset : -offset));
                for (Executable access : accesses) {
                    IndexOutOfBoundsException e =
                            assertThrows(IndexOutOfBoundsException.class, access);
                    assertTrue(e.getMessage().contains("size_bytes=" + SIZE_BYTES), e.getMessage());
                }
            }
            assertThrows(IndexOutOfBoundsException.class, () -> region.read(0, heap, 98, 3));
            assertThrows(IndexOutOfBoundsException.class, () -> region.write(0, heap, -1, 3));
            region.zero(SIZE_BYTES, 0);
            region.read(SIZE_BYTES - 4, heap, 96, 4);
        }
    }

    @Test
    void closedRegionRefusesEverythingAndClosesTwice() throws Exception {
        MappedRegion region = TestRegions.create(RegionKind.FILE, SIZE_BYTES);
        region.close();
        region.close();
        assertThrows(IllegalStateException.class, () -> region.getLong(0));
        assertThrows(IllegalStateException.class, () -> region.zero(0, 0));
        assertThrows(IllegalStateException.class, () -> region.flush(0, 8));
        assertThrows(IllegalStateException.class, region::drain);
        assertThrows(IllegalStateException.class, () -> region.punch(0, 4096));
        assertEquals(SIZE_BYTES, region.sizeBytes());
    }

    @Test
    void fileIsPersistedByMsync() throws Exception {
        try (Region region = Regions.open(image(), CREATE)) {
            region.drain();
            region.putLong(0, 1);
            region.putLong(20_000, 1);
            region.flush(0, 8);
            region.flush(20_000, 8);
            region.drain();
            region.drain();
            assertCounts(region, 2, 16, 3, 2);
            for (int page = 0; page < SIZE_BYTES; page += 4096) {
                region.flush(page, 1);
            }
            region.drain();
            assertCounts(region, 2 + 16, 16 + 16, 4, 3);
        }
    }

    @Test
    void scatteredFlushesOfAFileBecomeOneFdatasync() throws Exception {
        try (Region region = Regions.open(image(), CREATE.withCreateSizeBytes(16 << 20))) {
            for (long page = 0; page < region.sizeBytes(); page += 8192) {
                region.putLong(page, page);
                region.flush(page, 8);
            }
            region.drain();
            assertEquals(0, region.counters().get(Counter.REGION_MSYNCS));
            assertEquals(1, region.counters().get(Counter.REGION_FDATASYNCS));
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = RegionKind.class,
            names = {"TMPFS", "MEMFD"})
    void memoryIsPersistedWithoutSystemCalls(RegionKind kind) throws Exception {
        try (Region region = TestRegions.create(kind, SIZE_BYTES)) {
            region.putLong(0, 1);
            region.flush(0, 8);
            region.drain();
            assertCounts(region, 1, 8, 1, 0);
        }
    }

    @Test
    void persistModeCanBeChosen() throws Exception {
        try (Region file = Regions.open(image(), CREATE.withPersistMode(PersistMode.CPU));
                Region memory =
                        Regions.open(
                                Path.of("memfd:x"), CREATE.withPersistMode(PersistMode.MSYNC))) {
            file.flush(0, 8);
            file.drain();
            memory.flush(0, 8);
            memory.drain();
            assertEquals(0, file.counters().get(Counter.REGION_MSYNCS));
        }
    }

    private static void assertCounts(
            Region region, long flushes, long bytes, long drains, long msyncs) {
        assertEquals(flushes, region.counters().get(Counter.REGION_FLUSHES));
        assertEquals(bytes, region.counters().get(Counter.REGION_FLUSHED_BYTES));
        assertEquals(drains, region.counters().get(Counter.REGION_DRAINS));
        assertEquals(msyncs, region.counters().get(Counter.REGION_MSYNCS));
    }

    @Test
    void storesToAReadOnlyRegionNeverReachTheFile() throws Exception {
        try (Region region = Regions.open(image(), CREATE)) {
            region.putLong(4096, 7);
        }
        byte[] before = Files.readAllBytes(image());
        try (Region region = Regions.open(image(), RegionOptions.defaults().withReadOnly(true))) {
            assertTrue(region.readOnly());
            assertEquals(7, region.getLong(4096));
            region.putLong(4096, 8);
            region.zero(0, 100);
            region.flush(0, SIZE_BYTES);
            region.drain();
            region.punch(0, SIZE_BYTES);
            assertEquals(8, region.getLong(4096));
            assertCounts(region, 0, 0, 0, 0);
        }
        assertArrayEquals(before, Files.readAllBytes(image()));
    }

    @Test
    void readOnlyRegionMayBeFarLargerThanMemory() throws Exception {
        long sizeBytes = 1L << 40;
        Regions.open(image(), CREATE.withCreateSizeBytes(sizeBytes)).close();
        try (Region region = Regions.open(image(), RegionOptions.defaults().withReadOnly(true))) {
            region.putLong(sizeBytes - 8, 8);
            assertEquals(8, region.getLong(sizeBytes - 8));
        }
    }

    @ParameterizedTest
    @MethodSource("io.fusedax.backing.region.TestRegions#kinds")
    void punchGivesWholePagesBackAndTouchesNoOthers(RegionKind kind) throws Exception {
        try (MappedRegion region = TestRegions.create(kind, SIZE_BYTES)) {
            for (int offset = 0; offset < SIZE_BYTES; offset += 8) {
                region.putLong(offset, -1);
            }
            region.flush(0, SIZE_BYTES);
            region.drain();
            region.punch(4000, 4096 + 96 + 8);
            for (int offset = 0; offset < SIZE_BYTES; offset += 8) {
                assertEquals(offset >= 4096 && offset < 8192 ? 0 : -1, region.getLong(offset));
            }
            region.punch(100, 200);
            region.punch(SIZE_BYTES, 0);
            assertEquals(-1, region.getLong(104));
        }
    }
}
