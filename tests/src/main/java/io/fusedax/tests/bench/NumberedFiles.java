package io.fusedax.tests.bench;

import static io.fusedax.tests.bench.Libc.check;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Random;
import jnr.ffi.Pointer;

/**
 * Files f00000000, f00000001, ... of one directory, made and looked up without garbage. Not
 * thread-safe.
 */
final class NumberedFiles implements AutoCloseable {
    private static final int DIGITS = 8;

    private final Libc libc;
    private final int dirFd;
    private final Pointer name = Libc.name("f" + "0".repeat(DIGITS));
    private final Pointer stat = Libc.allocate(Libc.STAT_BYTES);
    private final byte[] digits = "0".repeat(DIGITS).getBytes(StandardCharsets.US_ASCII);

    NumberedFiles(Libc libc, Path directory) {
        this.libc = libc;
        this.dirFd = libc.openDirectory(directory.toString());
    }

    void create(int first, int count) {
        int flags = Libc.O_CREAT | Libc.O_EXCL | Libc.O_WRONLY;
        for (int number = first; number < first + count; number++) {
            libc.close((int) check(libc.openat(dirFd, address(number), flags, 0644), "create"));
        }
    }

    /** Looks up names drawn from the first {@code existing}. */
    void stat(Random random, int existing, int count) {
        for (int i = 0; i < count; i++) {
            check(
                    libc.fstatat(dirFd, address(random.nextInt(existing)), stat.address(), 0),
                    "stat");
        }
    }

    void statRange(int first, int count) {
        for (int number = first; number < first + count; number++) {
            check(libc.fstatat(dirFd, address(number), stat.address(), 0), "stat");
        }
    }

    static int number(String fileName) {
        return Integer.parseInt(fileName.substring(1));
    }

    private long address(int number) {
        int rest = number;
        for (int i = DIGITS - 1; i >= 0; i--) {
            digits[i] = (byte) ('0' + rest % 10);
            rest /= 10;
        }
        name.put(1, digits, 0, DIGITS);
        return name.address();
    }

    @Override
    public void close() {
        libc.close(dirFd);
    }
}
