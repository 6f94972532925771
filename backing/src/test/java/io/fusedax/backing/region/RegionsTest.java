package io.fusedax.backing.region;

import static io.fusedax.backing.region.TestRegions.assertRefused;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.fusedax.backing.FsException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class RegionsTest {
    private static final long SIZE_BYTES = 64 << 10;
    private static final RegionOptions OPEN = RegionOptions.defaults();
    private static final RegionOptions CREATE = OPEN.withCreateSizeBytes(SIZE_BYTES);

    @TempDir Path directory;

    private Path image() {
        return directory.resolve("volume.img");
    }

    private static void assertSays(FsException e, Path path, String reason) {
        assertTrue(
                e.getMessage().startsWith(path + ": ") && e.getMessage().contains(reason),
                e.getMessage());
    }

    @Test
    void createdFileIsSparseAndItsOwnersAlone() throws Exception {
        Regions.open(image(), CREATE.withCreateSizeBytes(1L << 40)).close();
        assertEquals(1L << 40, Files.size(image()));
        assertEquals(
                "rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(image())));
        assertTrue(usedBlocks(image()) < 100);
    }

    @Test
    void preallocatedFileHasItsStorage() throws Exception {
        Regions.open(image(), CREATE.withPreallocate(true)).close();
        assertTrue(usedBlocks(image()) * 512 >= SIZE_BYTES);
    }

    private static long usedBlocks(Path path) throws Exception {
        Process du = new ProcessBuilder("stat", "-c", "%b", path.toString()).start();
        return Long.parseLong(
                new String(du.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip());
    }

    @Test
    void sizeIsRoundedDownToPages() throws Exception {
        try (Region region = Regions.open(image(), CREATE.withCreateSizeBytes(10_000))) {
            assertEquals(8192, region.sizeBytes());
        }
        Files.write(image(), new byte[13_000]);
        try (Region region = Regions.open(image(), OPEN)) {
            assertEquals(12_288, region.sizeBytes());
        }
    }

    @Test
    void emptyFileIsGivenItsSizeAndAFullOneIsLeftAlone() throws Exception {
        Files.createFile(image());
        Regions.open(image(), CREATE).close();
        assertEquals(SIZE_BYTES, Files.size(image()));
        Files.write(image(), new byte[] {1, 2, 3});
        assertSays(
                assertRefused(Errno.EEXIST, image(), CREATE),
                image(),
                "exists with another size: size_bytes=3");
        assertEquals(3, Files.size(image()));
    }

    @Test
    void overwriteDiscardsWhatWasThere() throws Exception {
        Files.write(image(), new byte[] {1, 2, 3});
        try (Region region = Regions.open(image(), CREATE.withOverwrite(true))) {
            assertEquals(SIZE_BYTES, region.sizeBytes());
            assertEquals(0, region.getInt(0));
        }
    }

    @Test
    void symbolicLinkIsFollowed() throws Exception {
        Path link = Files.createSymbolicLink(directory.resolve("link"), image());
        Regions.open(image(), CREATE).close();
        Regions.open(link, OPEN).close();
    }

    @Test
    void nameWithOtherLettersWorks() throws Exception {
        assumeTrue("UTF-8".equals(System.getProperty("sun.jnu.encoding")));
        Path image = directory.resolve("b\u00fccher \u4e66.img");
        Regions.open(image, CREATE).close();
        assertTrue(Files.exists(image));
    }

    @Test
    void badPathsAreRefusedWithTheReason() throws Exception {
        assertSays(assertRefused(Errno.ENOENT, image(), OPEN), image(), "No such file");
        assertSays(assertRefused(Errno.EISDIR, directory, OPEN), directory, "is a directory");
        assertSays(assertRefused(Errno.EISDIR, directory, CREATE), directory, "is a directory");
        Path below = image().resolve("below");
        assertSays(assertRefused(Errno.ENOENT, below, CREATE), below, "No such file");
        Files.write(image(), new byte[4095]);
        assertSays(assertRefused(Errno.ENOTDIR, below, OPEN), below, "Not a directory");
        assertSays(
                assertRefused(Errno.EINVAL, image(), OPEN),
                image(),
                "too small for a region: size_bytes=4095");
        Path device = Path.of("/dev/null");
        assertSays(assertRefused(Errno.EOPNOTSUPP, device, OPEN), device, "character device");
        assertSays(assertRefused(Errno.EOPNOTSUPP, device, CREATE), device, "not supported");
    }

    @Test
    void blockDevicesAndFifosAreRefusedWithoutBeingOpened() throws Exception {
        Path fifo = directory.resolve("fifo");
        Path block = directory.resolve("block");
        assumeTrue(
                runs("mknod", fifo.toString(), "p")
                        && runs("mknod", block.toString(), "b", "240", "77"));
        assertSays(assertRefused(Errno.EOPNOTSUPP, fifo, OPEN), fifo, "is a FIFO");
        assertSays(assertRefused(Errno.EOPNOTSUPP, block, OPEN), block, "block device");
    }

    @Test
    void contradictoryOptionsAreRefused() {
        assertSays(
                assertRefused(Errno.EINVAL, image(), CREATE.withReadOnly(true)),
                image(),
                "read-only");
        assertSays(
                assertRefused(Errno.EINVAL, image(), OPEN.withOverwrite(true)),
                image(),
                "size not given");
        assertSays(
                assertRefused(Errno.EINVAL, image(), OPEN.withPreallocate(true)),
                image(),
                "size not given");
        assertSays(
                assertRefused(Errno.EINVAL, image(), OPEN.withCreateSizeBytes(-1)),
                image(),
                "too small");
        assertSays(
                assertRefused(Errno.EINVAL, image(), OPEN.withCreateSizeBytes(4095)),
                image(),
                "too small");
        Path memfd = Path.of("memfd:x");
        assertSays(assertRefused(Errno.EINVAL, memfd, OPEN), memfd, "needs a size");
        assertFalse(Files.exists(image()));
    }

    @Test
    void fileThatCannotHaveItsSizeIsNotLeftBehind() {
        FsException e =
                assertRefused(Errno.EFBIG, image(), CREATE.withCreateSizeBytes(Long.MAX_VALUE));
        assertSays(e, image(), "cannot set size to");
        assertFalse(Files.exists(image()));
    }

    @Test
    void fullFileSystemIsToldAtCreationWhenPreallocating() throws Exception {
        try (SmallFileSystem small = new SmallFileSystem(directory)) {
            Path image = small.root().resolve("volume.img");
            RegionOptions options = CREATE.withCreateSizeBytes(8 << 20).withPreallocate(true);
            assertSays(assertRefused(Errno.ENOSPC, image, options), image, "cannot allocate");
            assertFalse(Files.exists(image));
        }
    }

    @Test
    void fullFileSystemIsAnErrorAtTheStoreOfASparseRegion() throws Exception {
        try (SmallFileSystem small = new SmallFileSystem(directory);
                Region region =
                        Regions.open(
                                small.root().resolve("volume.img"),
                                CREATE.withCreateSizeBytes(8 << 20))) {
            assertEquals(RegionKind.TMPFS, region.kind());
            assertFaults(() -> region.zero(0, region.sizeBytes()));
            assertFaults(() -> region.write(4 << 20, new byte[2 << 20], 0, 2 << 20));
            assertFaults(() -> region.copy(4 << 20, 6 << 20, 2 << 20));
            assertFaults(() -> region.putLong(5 << 20, 1));
            assertFaults(() -> region.getInt(5 << 20));
        }
    }

    @Test
    void fullFileSystemIsNoSpaceWhereStorageIsAskedForFirst() throws Exception {
        try (SmallFileSystem small = new SmallFileSystem(directory);
                Region region =
                        Regions.open(
                                small.root().resolve("volume.img"),
                                CREATE.withCreateSizeBytes(64 << 20))) {
            region.provideAll(0, 4096);
            region.zero(0, 4096);
            FsException e =
                    assertThrows(FsException.class, () -> region.provideAll(0, region.sizeBytes()));
            assertEquals(Errno.ENOSPC, e.errno(), e.getMessage());
            long there = region.provide(0, region.sizeBytes());
            assertTrue(there >= 1 << 20 && there < region.sizeBytes(), "provided " + there);
            region.zero(0, there);
            assertEquals(0, region.provide(32 << 20, 1 << 20), "of a full host");
            assertEquals(there, region.provide(0, there));
            region.drain();
        }
    }

    @Test
    void aRegionThatIsCutRefusesLoadsAndDrains() throws Exception {
        long buffer = org.jctools.util.UnsafeAccess.UNSAFE.allocateMemory(16 << 10);
        try (Region region = Regions.open(image(), CREATE)) {
            region.zero(0, region.sizeBytes());
            region.drain();
            try (RandomAccessFile file = new RandomAccessFile(image().toFile(), "rw")) {
                file.setLength(8192);
            }
            region.readTo(0, buffer, 8192);
            for (int bytes : new int[] {1, 7, 8, 4096, 16 << 10}) {
                assertThrows(MediaErrorException.class, () -> region.readTo(8192, buffer, bytes));
            }
            MediaErrorException e = assertThrows(MediaErrorException.class, region::drain);
            assertTrue(e.getMessage().contains("cut to 8192 bytes"), e.getMessage());
            assertFalse(region.isUnlinked());
            Files.delete(image());
            assertTrue(region.isUnlinked());
        } finally {
            org.jctools.util.UnsafeAccess.UNSAFE.freeMemory(buffer);
        }
    }

    /**
     * The virtual machine may throw a fault a few steps after the access, outside of any lambda.
     */
    private static void assertFaults(Runnable access) {
        boolean faulted = false;
        try {
            access.run();
            for (int i = 0; i < 1000; i++) {
                Files.exists(Path.of("/")); // comes back from native code, where faults are thrown
            }
        } catch (InternalError e) {
            faulted = true;
        }
        assertTrue(faulted);
    }

    @Test
    void fileOnAReadOnlyFileSystemIsOpenedReadOnly() throws Exception {
        try (SmallFileSystem small = new SmallFileSystem(directory)) {
            Path image = small.root().resolve("volume.img");
            Regions.open(image, CREATE).close();
            assumeTrue(runs("mount", "-o", "remount,ro", small.root().toString()));
            try (Region region = Regions.open(image, OPEN)) {
                assertTrue(region.readOnly());
                region.putLong(0, 1);
            }
            assertRefused(Errno.EROFS, image, CREATE);
        }
    }

    @Test
    void permissionsAreObeyed() throws Exception {
        // Root without the capability to override them.
        List<String> plain =
                List.of("setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--");
        assumeTrue(
                runs("setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--", "true"));
        Regions.open(image(), CREATE).close();
        Files.setPosixFilePermissions(image(), PosixFilePermissions.fromString("r--------"));
        try (RegionChild child = RegionChild.start(plain, image().toString(), 0)) {
            assertEquals("ro " + image(), child.answer());
        }
        Files.setPosixFilePermissions(image(), PosixFilePermissions.fromString("---------"));
        try (RegionChild child = RegionChild.start(plain, image().toString(), 0)) {
            assertEquals("EACCES " + image() + ": cannot open: Permission denied", child.answer());
        }
    }

    private static boolean runs(String... command) throws IOException, InterruptedException {
        try {
            return new ProcessBuilder(command).start().waitFor() == 0;
        } catch (IOException e) {
            return false; // no such program
        }
    }

    /** A tmpfs of 1 MiB; skips the test where it may not be mounted. */
    private record SmallFileSystem(Path root) implements AutoCloseable {
        SmallFileSystem {
            try {
                Files.createDirectory(root.resolve("small"));
                root = root.resolve("small");
                assumeTrue(
                        runs(
                                "mount",
                                "-t",
                                "tmpfs",
                                "-o",
                                "size=1m",
                                "fusedax-test",
                                root.toString()));
            } catch (IOException | InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }

        @Override
        public void close() throws IOException, InterruptedException {
            assertTrue(runs("umount", root.toString()));
        }
    }
}
