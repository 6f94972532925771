package io.fusedax.backing.region;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.BitSet;
import java.util.Random;
import org.junit.jupiter.api.Test;

class PageRangesTest {
    private static final int PAGE = 4096;

    @Test
    void holdsJustThePagesTouchedInAsFewRangesAsThereCanBe() {
        Random random = Seed.random("PageRangesTest");
        for (int round = 0; round < 500; round++) {
            PageRanges ranges = new PageRanges(PAGE, 64);
            BitSet pages = new BitSet();
            int steps = random.nextInt(64);
            for (int i = 0; i < steps; i++) {
                long offset = random.nextInt(100 * PAGE);
                long length = 1L + random.nextInt(3 * PAGE);
                ranges.add(offset, length);
                pages.set((int) (offset / PAGE), (int) ((offset + length - 1) / PAGE) + 1);
            }
            assertSame(pages, ranges);
        }
    }

    private static void assertSame(BitSet pages, PageRanges ranges) {
        int index = 0;
        for (int first = pages.nextSetBit(0); first >= 0; index++) {
            int end = pages.nextClearBit(first);
            assertEquals((long) first * PAGE, ranges.start(index));
            assertEquals((long) (end - first) * PAGE, ranges.lengthBytes(index));
            first = pages.nextSetBit(end);
        }
        assertEquals(index, ranges.count());
        assertEquals(index == 0, ranges.isEmpty());
        assertFalse(ranges.isEverything());
    }

    @Test
    void standsForEverythingBeyondItsBoundAndIsAsNewWhenCleared() {
        PageRanges ranges = new PageRanges(PAGE, 2);
        ranges.add(0, 1);
        ranges.add(10L * PAGE, 1);
        ranges.add(1, PAGE); // grows a range, needs no place
        assertFalse(ranges.isEverything());
        ranges.add(20L * PAGE, 1);
        assertTrue(ranges.isEverything());
        ranges.add(0, 100L * PAGE);
        assertTrue(ranges.isEverything());
        assertFalse(ranges.isEmpty());
        ranges.clear();
        assertFalse(ranges.isEverything());
        assertTrue(ranges.isEmpty());
    }

    @Test
    void emptyRangeTouchesNoPage() {
        PageRanges ranges = new PageRanges(PAGE, 2);
        ranges.add(5, 0);
        assertTrue(ranges.isEmpty());
    }
}
