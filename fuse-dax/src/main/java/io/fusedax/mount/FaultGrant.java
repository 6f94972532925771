package io.fusedax.mount;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The value of the mount option {@code fault}: what a first store makes writable. */
public final class FaultGrant {
    private static final Pattern AROUND = Pattern.compile("around:([0-9]{1,9})([kKmM]?)");
    private static final int MIN_BYTES = 4096;
    private static final int MAX_BYTES = 2 << 20;

    private FaultGrant() {}

    /**
     * Reads {@code exact} or {@code around:SIZE}.
     *
     * @return 0 for exact, else bytes
     * @throws IllegalArgumentException naming what it wants
     */
    public static int parse(String value) {
        if (value.equals("exact")) {
            return 0;
        }
        Matcher around = AROUND.matcher(value);
        if (!around.matches()) {
            throw new IllegalArgumentException(
                    "wants exact, or around:SIZE as in around:64k, not '" + value + "'");
        }
        long bytes = Long.parseLong(around.group(1));
        switch (around.group(2).toLowerCase(Locale.ROOT)) {
            case "k" -> bytes <<= 10;
            case "m" -> bytes <<= 20;
            default -> {}
        }
        if (bytes == 0) {
            bytes = -1;
        }
        return check(bytes);
    }

    /**
     * @param bytes 0 as the kernel does, or a power of two of 4 KiB to 2 MiB
     * @throws IllegalArgumentException naming what it wants
     */
    static int check(long bytes) {
        boolean valid =
                bytes == 0 || bytes >= MIN_BYTES && bytes <= MAX_BYTES && Long.bitCount(bytes) == 1;
        if (!valid) {
            throw new IllegalArgumentException("wants a power of two from 4k to 2m");
        }
        return (int) bytes;
    }
}
