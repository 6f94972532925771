package io.fusedax.tests.powercut;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Random;

/** Fast hashes, good enough to tell trees apart. */
final class Mix {
    private static final VarHandle LONG =
            MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final long FACTOR = 0x9E37_79B9_7F4A_7C15L;

    private Mix() {}

    /** Neighbouring seeds would begin with much the same numbers if they were not mixed. */
    static Random random(long seed) {
        return new Random(of(seed, 1));
    }

    static long of(long a, long b) {
        long h = (a ^ Long.rotateLeft(b, 32)) * FACTOR + b;
        h ^= h >>> 29;
        h *= 0xBF58_476D_1CE4_E5B9L;
        return h ^ h >>> 32;
    }

    static long of(byte[] bytes, int offset, int length) {
        long h = length;
        int at = offset;
        int end = offset + length;
        for (; at + Long.BYTES <= end; at += Long.BYTES) {
            h = (Long.rotateLeft(h, 23) ^ (long) LONG.get(bytes, at)) * FACTOR;
        }
        for (; at < end; at++) {
            h = (h ^ bytes[at]) * FACTOR;
        }
        return h ^ h >>> 31;
    }

    static long getLong(byte[] bytes, int at) {
        return (long) LONG.get(bytes, at);
    }
}
