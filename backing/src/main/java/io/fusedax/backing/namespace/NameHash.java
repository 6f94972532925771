package io.fusedax.backing.namespace;

import io.fusedax.backing.format.Bytes;

/**
 * SipHash-2-4 of a name under the volume's key: whoever does not know the key cannot make names
 * collide. Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012.
 */
final class NameHash {
    private final long keyLow;
    private final long keyHigh;

    NameHash(long keyLow, long keyHigh) {
        this.keyLow = keyLow;
        this.keyHigh = keyHigh;
    }

    /** All 64 bits. */
    long of(byte[] name, int offset, int length) {
        long v0 = keyLow ^ 0x736f6d6570736575L;
        long v1 = keyHigh ^ 0x646f72616e646f6dL;
        long v2 = keyLow ^ 0x6c7967656e657261L;
        long v3 = keyHigh ^ 0x7465646279746573L;
        int whole = length & ~7;
        // One round function, applied to the words, then to the last bytes, then four times to end.
        for (int at = 0; at <= whole + Long.BYTES; at += Long.BYTES) {
            boolean finish = at > whole;
            long word = at < whole ? Bytes.getLong(name, offset + at) : 0;
            if (at == whole) {
                word = (long) length << 56;
                for (int i = whole; i < length; i++) {
                    word |= (name[offset + i] & 0xFFL) << 8 * (i - whole);
                }
            }
            v2 ^= finish ? 0xFF : 0;
            v3 ^= word;
            for (int round = finish ? 4 : 2; round > 0; round--) {
                v0 += v1;
                v1 = Long.rotateLeft(v1, 13) ^ v0;
                v0 = Long.rotateLeft(v0, 32);
                v2 += v3;
                v3 = Long.rotateLeft(v3, 16) ^ v2;
                v0 += v3;
                v3 = Long.rotateLeft(v3, 21) ^ v0;
                v2 += v1;
                v1 = Long.rotateLeft(v1, 17) ^ v2;
                v2 = Long.rotateLeft(v2, 32);
            }
            v0 ^= word;
        }
        return v0 ^ v1 ^ v2 ^ v3;
    }
}
