package io.fusedax.backing.volume;

import io.fusedax.backing.format.Bytes;
import java.util.Arrays;

/**
 * What a fuzzer made up, read as numbers: the same bytes always mean the same. Zeros at its end.
 */
final class FuzzInput {
    private final byte[] bytes;
    private int at;

    FuzzInput(byte[] bytes) {
        this.bytes = bytes;
    }

    boolean atEnd() {
        return at >= bytes.length;
    }

    int u8() {
        return atEnd() ? 0 : bytes[at++] & 0xff;
    }

    int u16() {
        return u8() | u8() << 8;
    }

    /** A number below {@code bound}. */
    int below(int bound) {
        return (bound <= 256 ? u8() : u16()) % bound;
    }

    long u64() {
        return Bytes.getLong(take(Long.BYTES), 0);
    }

    /** So many bytes. */
    byte[] take(int length) {
        byte[] taken = Arrays.copyOfRange(bytes, Math.min(at, bytes.length), at + length);
        at += length;
        return taken;
    }
}
