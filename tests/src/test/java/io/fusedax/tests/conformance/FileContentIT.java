package io.fusedax.tests.conformance;

import static io.fusedax.tests.conformance.HostAndMount.assertErrno;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.tests.support.MountedVolume;
import io.fusedax.tests.support.Posix;
import io.fusedax.tests.support.PosixDirectory;
import io.fusedax.tests.support.SharedMapping;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/** Content: open flags, reading, writing, holes, truncation, mappings, files without a name. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class FileContentIT {
    private static final long TIB = 1L << 40;

    private HostAndMount both;

    /** What the mount is made with. */
    String mountOptions() {
        return "";
    }

    @BeforeAll
    void mount() {
        both = new HostAndMount(mountOptions());
    }

    @AfterAll
    void unmount() {
        if (both != null) {
            both.close();
        }
    }

    @Test
    void appendersWriteAtTheEndWhateverTheirOffset() {
        both.agree(
                folder -> {
                    Path path = folder.resolve("file");
                    int a = Posix.open(path, Posix.O_CREAT | Posix.O_RDWR | Posix.O_APPEND, 0644);
                    int b = Posix.open(path, Posix.O_RDWR | Posix.O_APPEND);
                    Posix.write(a, "one");
                    Posix.write(b, "two");
                    Posix.lseek(a, 0, Posix.SEEK_SET);
                    Posix.write(a, "three");
                    Posix.pwrite(b, bytes("four"), 1);
                    Posix.close(a);
                    Posix.close(b);
                    assertEquals("onetwothreefour", Files.readString(path));
                });
    }

    @Test
    void concurrentAppendersLoseNoRecord() {
        both.agree(
                folder -> {
                    Path path = folder.resolve("log");
                    Posix.close(Posix.create(path));
                    List<CompletableFuture<Void>> writers = new ArrayList<>();
                    for (int w = 0; w < 4; w++) {
                        String record = String.valueOf((char) ('a' + w)).repeat(99) + "\n";
                        writers.add(
                                CompletableFuture.runAsync(
                                        () -> {
                                            int fd =
                                                    Posix.open(
                                                            path, Posix.O_WRONLY | Posix.O_APPEND);
                                            for (int i = 0; i < 500; i++) {
                                                Posix.write(fd, record);
                                            }
                                            Posix.close(fd);
                                        }));
                    }
                    writers.forEach(CompletableFuture::join);
                    List<String> lines = Files.readAllLines(path);
                    assertEquals(2000, lines.size());
                    for (String line : lines) {
                        assertEquals(line.substring(0, 1).repeat(99), line);
                    }
                });
    }

    @Test
    void truncatingOpenEmptiesTheFile() {
        both.agree(
                folder -> {
                    Path path = folder.resolve("file");
                    Files.writeString(path, "content");
                    int reader = Posix.open(path, Posix.O_RDONLY);
                    Posix.close(Posix.open(path, Posix.O_WRONLY | Posix.O_TRUNC));
                    assertEquals(0, Posix.lstat(path).sizeBytes());
                    assertEquals(0, Posix.pread(reader, 10, 0).length);
                    Posix.close(reader);
                    Files.writeString(path, "again");
                    Posix.close(
                            Posix.open(path, Posix.O_RDWR | Posix.O_CREAT | Posix.O_TRUNC, 0644));
                    assertEquals(0, Posix.lstat(path).sizeBytes());
                });
    }

    @Test
    void descriptorsAllowOnlyWhatTheyWereOpenedFor() {
        both.agree(
                folder -> {
                    Path path = folder.resolve("file");
                    Files.writeString(path, "content");
                    int reader = Posix.open(path, Posix.O_RDONLY);
                    int writer = Posix.open(path, Posix.O_WRONLY);
                    assertErrno(Errno.EBADF, () -> Posix.pwrite(reader, bytes("x"), 0));
                    assertErrno(Errno.EBADF, () -> Posix.pread(writer, 1, 0));
                    assertErrno(Errno.EINVAL, () -> Posix.ftruncate(reader, 0));
                    assertErrno(Errno.EINVAL, () -> Posix.ftruncate(writer, -1));
                    assertErrno(Errno.EINVAL, () -> Posix.pwrite(writer, bytes("x"), -1));
                    Posix.close(reader);
                    Posix.close(writer);
                });
    }

    @Test
    void aReadOnlyModeFileIsWritableByItsCreator() {
        both.agree(
                folder ->
                        Posix.asUser(
                                1000,
                                1000,
                                () -> {
                                    Path path = folder.resolve("file");
                                    int fd = Posix.open(path, Posix.O_CREAT | Posix.O_RDWR, 0400);
                                    Posix.write(fd, "content");
                                    Posix.close(fd);
                                    assertErrno(
                                            Errno.EACCES, () -> Posix.open(path, Posix.O_WRONLY));
                                }));
    }

    @Test
    void readingPastTheEndReturnsNothing() {
        both.agree(
                folder -> {
                    int fd = Posix.create(folder.resolve("file"));
                    assertEquals(0, Posix.pread(fd, 10, 0).length);
                    Posix.write(fd, "12345");
                    assertEquals(2, Posix.pread(fd, 10, 3).length);
                    assertEquals(0, Posix.pread(fd, 10, 5).length);
                    assertEquals(0, Posix.pread(fd, 10, TIB).length);
                    assertEquals(5, Posix.lseek(fd, 0, Posix.SEEK_END));
                    Posix.close(fd);
                });
    }

    @Test
    void aHoleReadsAsZerosAndTakesNoSpace() {
        both.agree(
                folder -> {
                    int fd = Posix.create(folder.resolve("file"));
                    Posix.pwrite(fd, bytes("end"), 10_000_000);
                    assertEquals(10_000_003, Posix.fstat(fd).sizeBytes());
                    assertTrue(Posix.fstat(fd).blocks512() <= 64, "blocks");
                    assertArrayEquals(new byte[100_000], Posix.pread(fd, 100_000, 5_000_001));
                    Posix.close(fd);
                });
    }

    @Test
    void shrinkingAndGrowingLeavesZerosNotOldBytes() {
        both.agree(
                folder -> {
                    int fd = Posix.create(folder.resolve("file"));
                    byte[] full = new byte[20_000];
                    Arrays.fill(full, (byte) 'x');
                    for (int cut : new int[] {0, 1, 100, 4095, 4096, 4097, 12_288, 19_999}) {
                        Posix.pwrite(fd, full, 0);
                        Posix.ftruncate(fd, cut);
                        Posix.ftruncate(fd, full.length);
                        byte[] expected = Arrays.copyOf(Arrays.copyOf(full, cut), full.length);
                        assertArrayEquals(expected, Posix.pread(fd, full.length, 0), "cut " + cut);
                        Posix.ftruncate(fd, cut);
                        Posix.pwrite(fd, bytes("z"), full.length - 1);
                        expected[full.length - 1] = 'z';
                        assertArrayEquals(expected, Posix.pread(fd, full.length, 0), "hole " + cut);
                    }
                    Posix.close(fd);
                });
    }

    @Test
    void aSingleCallWritesAndReadsManyMebibytes() {
        both.agree(
                folder -> {
                    byte[] data = new byte[(10 << 20) + 123];
                    new Random(1).nextBytes(data);
                    int fd = Posix.create(folder.resolve("file"));
                    assertEquals(data.length, Posix.pwrite(fd, data, 77));
                    byte[] back = Posix.pread(fd, data.length + 500, 77);
                    assertArrayEquals(data, back);
                    Posix.close(fd);
                });
    }

    @Test
    void aFileMayBe16TiBLessOneBlock() {
        both.agree(
                folder -> {
                    // The host's ext4 ends one block before 16 TiB.
                    int fd = Posix.create(folder.resolve("file"));
                    long last = 16 * TIB - 4096 - 1;
                    Posix.pwrite(fd, bytes("z"), last);
                    assertEquals(last + 1, Posix.fstat(fd).sizeBytes());
                    assertArrayEquals(bytes("z"), Posix.pread(fd, 10, last));
                    assertArrayEquals(new byte[10], Posix.pread(fd, 10, 8 * TIB));
                    Posix.ftruncate(fd, 5 * TIB + 1);
                    assertEquals(5 * TIB + 1, Posix.fstat(fd).sizeBytes());
                    Posix.ftruncate(fd, 0);
                    assertEquals(0, Posix.fstat(fd).blocks512());
                    Posix.close(fd);
                });
    }

    @Test
    void growingPast16TiBIsEFBIG() {
        both.mountOnly(
                folder -> {
                    int fd = Posix.create(folder.resolve("file"));
                    Posix.pwrite(fd, bytes("z"), 16 * TIB - 2);
                    assertErrno(Errno.EFBIG, () -> Posix.pwrite(fd, bytes("z"), 16 * TIB));
                    assertErrno(Errno.EFBIG, () -> Posix.pwrite(fd, bytes("z"), 100 * TIB));
                    assertErrno(Errno.EFBIG, () -> Posix.ftruncate(fd, 16 * TIB + 1));
                    assertErrno(Errno.EFBIG, () -> Posix.fallocate(fd, 0, 16 * TIB, 4096));
                    assertEquals(16 * TIB - 1, Posix.fstat(fd).sizeBytes());
                    Posix.close(fd);
                });
    }

    @Test
    void anUnlinkedFileLivesUntilItsLastClose() {
        both.agree(
                folder -> {
                    Path path = folder.resolve("file");
                    int fd = Posix.create(path);
                    int second = Posix.open(path, Posix.O_RDWR);
                    Posix.write(fd, "before");
                    Posix.unlink(path);
                    assertEquals(List.of(), PosixDirectory.list(folder));
                    Posix.write(fd, " and after");
                    assertArrayEquals(bytes("before and after"), Posix.pread(second, 100, 0));
                    Posix.close(fd);
                    Posix.fsync(second);
                    Posix.pwrite(second, bytes("BEFORE"), 0);
                    assertArrayEquals(bytes("BEFORE and after"), Posix.pread(second, 100, 0));
                    Posix.close(second);
                });
    }

    @Test
    void anUnlinkedFileTellsItsAttributes() {
        both.agree(
                folder -> {
                    Path path = folder.resolve("file");
                    int fd = Posix.create(path);
                    Posix.write(fd, "content");
                    Posix.unlink(path);
                    assertEquals(0, Posix.fstat(fd).linkCount());
                    assertEquals(7, Posix.fstat(fd).sizeBytes());
                    Posix.close(fd);
                });
    }

    @Test
    void anUnlinkedFileCanBeTruncated() {
        both.agree(
                folder -> {
                    Path path = folder.resolve("file");
                    int fd = Posix.create(path);
                    Posix.write(fd, "content");
                    Posix.unlink(path);
                    Posix.ftruncate(fd, 3);
                    assertArrayEquals(bytes("con"), Posix.pread(fd, 100, 0));
                    Posix.close(fd);
                });
    }

    @Test
    void anUnlinkedFileTakesModeAndTimes() {
        both.agree(
                folder -> {
                    Path path = folder.resolve("file");
                    int fd = Posix.create(path);
                    Posix.unlink(path);
                    Posix.fchmod(fd, 0600);
                    Posix.futimens(fd, new Posix.Time(1, 2), new Posix.Time(3, 4));
                    assertEquals(0600, Posix.fstat(fd).permissions());
                    assertEquals(new Posix.Time(3, 4), Posix.fstat(fd).mtime());
                    Posix.close(fd);
                });
    }

    @Test
    void anUnlinkedOpenFileDoesNotKeepItsDirectory() {
        both.agree(
                folder -> {
                    Path directory = folder.resolve("directory");
                    Posix.mkdir(directory, 0755);
                    int fd = Posix.create(directory.resolve("file"));
                    Posix.unlink(directory.resolve("file"));
                    Posix.rmdir(directory);
                    Posix.write(fd, "still here");
                    assertArrayEquals(bytes("still here"), Posix.pread(fd, 100, 0));
                    Posix.close(fd);
                });
    }

    @Test
    void aReplacedFileStaysReadableThroughItsDescriptor() {
        both.agree(
                folder -> {
                    Path path = folder.resolve("file");
                    Files.writeString(path, "old");
                    int old = Posix.open(path, Posix.O_RDONLY);
                    Files.writeString(folder.resolve("new"), "new!");
                    Posix.rename(folder.resolve("new"), path);
                    assertArrayEquals(bytes("old"), Posix.pread(old, 100, 0));
                    assertEquals("new!", Files.readString(path));
                    Posix.close(old);
                    assertEquals(List.of("file"), PosixDirectory.list(folder));
                });
    }

    @Test
    void aDescriptorFollowsItsFileThroughARename() {
        both.agree(
                folder -> {
                    int fd = Posix.create(folder.resolve("a"));
                    Posix.rename(folder.resolve("a"), folder.resolve("b"));
                    Posix.write(fd, "written after");
                    Posix.fsync(fd);
                    assertEquals(13, Posix.fstat(fd).sizeBytes());
                    assertEquals("written after", Files.readString(folder.resolve("b")));
                    Posix.close(fd);
                });
    }

    @Test
    void oneDescriptorSeesAtOnceWhatAnotherWrote() {
        both.agree(
                folder -> {
                    Path path = folder.resolve("file");
                    int a = Posix.create(path);
                    int b = Posix.open(path, Posix.O_RDWR);
                    for (int i = 0; i < 50; i++) {
                        Posix.pwrite(a, bytes("version " + i), i);
                        assertEquals(i + ("version " + i).length(), Posix.fstat(b).sizeBytes());
                        assertArrayEquals(bytes("version " + i), Posix.pread(b, 100, i));
                    }
                    Posix.close(a);
                    Posix.close(b);
                });
    }

    @Test
    void sharedMappingsAndCallsSeeEachOther() {
        both.agree(
                folder -> {
                    Path path = folder.resolve("file");
                    Files.write(path, new byte[100_000]);
                    try (SharedMapping mapping = new SharedMapping(path, 0, 100_000)) {
                        MappedByteBuffer map = mapping.buffer();
                        map.put(50_000, (byte) 5);
                        map.force();
                        int fd = Posix.open(path, Posix.O_RDWR);
                        assertArrayEquals(new byte[] {5}, Posix.pread(fd, 1, 50_000));
                        Posix.pwrite(fd, new byte[] {6}, 50_001);
                        Posix.close(fd);
                        assertEquals(6, map.get(50_001));
                    }
                });
    }

    @Test
    void privateMappingsKeepTheirStores() {
        both.agree(
                folder -> {
                    Path path = folder.resolve("file");
                    Files.write(path, new byte[8192]);
                    try (FileChannel channel =
                            FileChannel.open(
                                    path, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
                        MappedByteBuffer map = channel.map(FileChannel.MapMode.PRIVATE, 0, 8192);
                        map.put(0, (byte) 5);
                        assertEquals(0, Files.readAllBytes(path)[0]);
                    }
                });
    }

    @Test
    void mappedStoresSurviveARemount() throws Exception {
        MountedVolume.assumeMounted();
        Path path = both.volume().resolve("mapped");
        Files.write(path, new byte[1 << 20]);
        try (SharedMapping mapping = new SharedMapping(path, 0, 1 << 20)) {
            MappedByteBuffer map = mapping.buffer();
            for (int i = 0; i < 1 << 20; i += 4096) {
                map.putInt(i, i);
            }
            map.force();
        }
        both.volume().kill9();
        both.volume().mount();
        byte[] back = Files.readAllBytes(path);
        for (int i = 0; i < 1 << 20; i += 4096) {
            assertEquals(i, java.nio.ByteBuffer.wrap(back).getInt(i));
        }
    }

    @Test
    void synchronousWritesAreThereAfterKill9() throws Exception {
        MountedVolume.assumeMounted();
        for (int flag : new int[] {Posix.O_SYNC, Posix.O_DSYNC}) {
            Path path = both.volume().resolve("synchronous" + flag);
            int fd = Posix.open(path, Posix.O_CREAT | Posix.O_WRONLY | flag, 0644);
            Posix.write(fd, "durable");
            both.volume().kill9();
            Posix.closeQuietly(fd);
            both.volume().mount();
            assertEquals("durable", Files.readString(path));
        }
    }

    @Test
    void fsyncOfADirectoryMakesItsNamesDurable() {
        MountedVolume.assumeMounted();
        Path directory = both.volume().resolve("synced-directory");
        Posix.mkdir(directory, 0755);
        Posix.close(Posix.create(directory.resolve("name")));
        int fd = Posix.open(directory, Posix.O_RDONLY);
        Posix.fsync(fd);
        both.volume().kill9();
        Posix.closeQuietly(fd);
        both.volume().mount();
        assertEquals(List.of("name"), PosixDirectory.list(directory));
    }

    @Test
    void syncCommandMakesEverythingDurable() throws Exception {
        MountedVolume.assumeMounted();
        Files.writeString(both.volume().resolve("by-sync"), "content");
        both.volume().sync();
        both.volume().kill9();
        both.volume().mount();
        assertEquals("content", Files.readString(both.volume().resolve("by-sync")));
        assertFalse(Posix.exists(both.volume().resolve("never-made")));
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
