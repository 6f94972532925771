package io.fusedax.backing.format;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import org.junit.jupiter.api.Test;

class PackedExtentTest {
    private static final long MAX_BLOCK = (1L << 32) - 1;

    private final Random random = Seed.random("PackedExtentTest");

    private static void check(long start, long length) {
        for (boolean unwritten : new boolean[] {false, true}) {
            long extent = PackedExtent.of(start, length, unwritten);
            assertEquals(start, PackedExtent.start(extent));
            assertEquals(length, PackedExtent.length(extent));
            assertEquals(start + length, PackedExtent.end(extent));
            assertEquals(unwritten, PackedExtent.unwritten(extent));
            assertEquals(PackedExtent.of(start, length), extent & ~PackedExtent.UNWRITTEN);
        }
    }

    @Test
    void whatIsPackedIsUnpacked() {
        check(0, 1);
        check(MAX_BLOCK, 1);
        check(0, PackedExtent.MAX_LENGTH_BLOCKS);
        check(MAX_BLOCK, PackedExtent.MAX_LENGTH_BLOCKS);
        for (int i = 0; i < 10_000; i++) {
            long start = random.nextLong() & MAX_BLOCK;
            check(start, 1 + random.nextInt(PackedExtent.MAX_LENGTH_BLOCKS));
        }
    }

    @Test
    void theBitsAreThoseOfTheDocument() {
        assertEquals(0x0000_0003_0000_0007L, PackedExtent.of(7, 3));
        assertEquals(0x8000_0003_0000_0007L, PackedExtent.of(7, 3, true));
        assertEquals(0x7FFF_FFFF_FFFF_FFFFL, PackedExtent.of(MAX_BLOCK, 0x7FFF_FFFF));
    }

    @Test
    void noExtentIsZero() {
        assertTrue(PackedExtent.of(0, 1) != 0);
        assertFalse(PackedExtent.unwritten(0));
        assertEquals(0, PackedExtent.length(0));
    }
}
