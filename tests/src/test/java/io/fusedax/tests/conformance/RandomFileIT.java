package io.fusedax.tests.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.fusedax.tests.support.MountedVolume;
import io.fusedax.tests.support.Posix;
import io.fusedax.tests.support.Seed;
import io.fusedax.tests.support.SharedMapping;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** As fsx does: one file, random calls, every byte compared with a byte array. */
final class RandomFileIT {
    private static final int MAX_SIZE = 3 << 20;
    private static final int OPERATIONS = Integer.getInteger("fsx.operations", 12_000);
    private static final int LOG_LENGTH = 40;

    @Test
    void aFileMatchesAByteArrayWhateverIsDoneToIt() {
        long seed = Seed.printed("aFileMatchesAByteArray");
        try (MountedVolume volume = MountedVolume.builder().mount()) {
            Model model = new Model(new Random(seed), volume.resolve("file"));
            for (int i = 1; i <= OPERATIONS; i++) {
                model.step();
                if (i % (OPERATIONS / 4) == 0) {
                    model.close();
                    volume.remount();
                    model.open();
                    model.compareAll();
                }
            }
            model.close();
            volume.unmount();
            volume.assertClean();
        }
    }

    /** The file, its expected content, and the last calls made on it. */
    private static final class Model {
        private final Random random;
        private final Path path;
        private final Deque<String> log = new ArrayDeque<>();
        private byte[] content = new byte[0];
        private int fd;

        Model(Random random, Path path) {
            this.random = random;
            this.path = path;
            fd = Posix.create(path);
        }

        void open() {
            fd = Posix.open(path, Posix.O_RDWR);
        }

        void close() {
            Posix.close(fd);
        }

        void step() {
            int offset = random.nextInt(random.nextBoolean() ? MAX_SIZE : 1 << 16);
            int length = 1 + random.nextInt(random.nextInt(20) == 0 ? 1 << 19 : 1 << 14);
            length = Math.min(length, MAX_SIZE - offset);
            switch (random.nextInt(12)) {
                case 0, 1, 2 -> write(offset, length);
                case 3, 4, 5 -> compare(offset, length);
                case 6 -> truncate(random.nextInt(4) == 0 ? offset : nearEnd());
                case 7 -> mapWrite(offset, length);
                case 8 -> zero(Posix.FALLOC_PUNCH_HOLE | Posix.FALLOC_KEEP_SIZE, offset, length);
                case 9 ->
                        zero(
                                Posix.FALLOC_ZERO_RANGE
                                        | (random.nextBoolean() ? Posix.FALLOC_KEEP_SIZE : 0),
                                offset,
                                length);
                case 10 -> zero(random.nextBoolean() ? Posix.FALLOC_KEEP_SIZE : 0, offset, length);
                default -> reopen();
            }
            assertEquals(content.length, Posix.fstat(fd).sizeBytes(), this::history);
        }

        private int nearEnd() {
            return Math.max(
                    0, Math.min(MAX_SIZE, content.length + random.nextInt(20_000) - 10_000));
        }

        private void write(int offset, int length) {
            note("write", offset, length);
            byte[] data = new byte[length];
            random.nextBytes(data);
            assertEquals(length, Posix.pwrite(fd, data, offset), this::history);
            resize(Math.max(content.length, offset + length));
            System.arraycopy(data, 0, content, offset, length);
        }

        private void mapWrite(int offset, int length) {
            int end = Math.min(offset + length, content.length);
            if (end <= offset) {
                return;
            }
            note("map", offset, end - offset);
            byte[] data = new byte[end - offset];
            random.nextBytes(data);
            try (SharedMapping mapping = new SharedMapping(path, offset, data.length)) {
                byte[] seen = new byte[data.length];
                mapping.buffer().get(0, seen);
                check(offset, seen, "mapping");
                mapping.buffer().put(0, data);
                if (random.nextBoolean()) {
                    mapping.buffer().force();
                }
            }
            System.arraycopy(data, 0, content, offset, data.length);
        }

        private void zero(int mode, int offset, int length) {
            note("fallocate " + mode, offset, length);
            Posix.fallocate(fd, mode, offset, length);
            boolean grows = (mode & Posix.FALLOC_KEEP_SIZE) == 0;
            if (grows) {
                resize(Math.max(content.length, offset + length));
            }
            boolean zeroes = (mode & (Posix.FALLOC_PUNCH_HOLE | Posix.FALLOC_ZERO_RANGE)) != 0;
            int end = Math.min(offset + length, content.length);
            if (zeroes && offset < end) {
                Arrays.fill(content, offset, end, (byte) 0);
            }
        }

        private void truncate(int sizeBytes) {
            note("truncate", sizeBytes, 0);
            Posix.ftruncate(fd, sizeBytes);
            resize(sizeBytes);
        }

        private void reopen() {
            note("reopen", 0, 0);
            if (random.nextBoolean()) {
                Posix.fsync(fd);
            }
            close();
            open();
        }

        private void compare(int offset, int length) {
            note("read", offset, length);
            int expected = Math.max(0, Math.min(length, content.length - offset));
            byte[] got = Posix.pread(fd, length, offset);
            assertEquals(expected, got.length, this::history);
            check(offset, got, "read");
        }

        void compareAll() {
            compare(0, MAX_SIZE);
        }

        private void check(int offset, byte[] got, String how) {
            for (int i = 0; i < got.length; i++) {
                if (got[i] != content[offset + i]) {
                    throw new AssertionError(
                            String.format(
                                    "%s: byte %d (block %d) is %d, expected %d%s",
                                    how,
                                    offset + i,
                                    (offset + i) / 4096,
                                    got[i],
                                    content[offset + i],
                                    history()));
                }
            }
        }

        private void resize(int sizeBytes) {
            content = Arrays.copyOf(content, sizeBytes);
        }

        private void note(String call, int offset, int length) {
            log.addLast(call + " " + offset + ".." + (offset + length) + " size " + content.length);
            if (log.size() > LOG_LENGTH) {
                log.removeFirst();
            }
        }

        private String history() {
            return "\nthe last calls:\n" + String.join("\n", log);
        }
    }
}
