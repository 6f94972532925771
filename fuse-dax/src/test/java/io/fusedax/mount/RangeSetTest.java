package io.fusedax.mount;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.BitSet;
import java.util.Random;
import org.junit.jupiter.api.Test;

class RangeSetTest {
    @Test
    void rangesAreAsTheBitsOfAModel() {
        long seed = Long.getLong("fusedax.seed", System.nanoTime());
        System.out.println("RangeSetTest seed " + seed);
        Random random = new Random(seed);
        for (int round = 0; round < 200; round++) {
            RangeSet set = new RangeSet();
            BitSet model = new BitSet();
            for (int step = 0; step < 100; step++) {
                int start = random.nextInt(200);
                int end = start + random.nextInt(20);
                if (random.nextBoolean()) {
                    set.add(start, end);
                    model.set(start, end);
                } else {
                    set.remove(start, end);
                    model.clear(start, end);
                }
                int from = random.nextInt(200);
                int to = from + random.nextInt(30);
                int exceptFrom = from + random.nextInt(5);
                int exceptTo = exceptFrom + random.nextInt(40);
                BitSet asked = new BitSet();
                asked.set(from, to);
                asked.and(model);
                assertEquals(!asked.isEmpty(), set.overlaps(from, to), "seed " + seed);
                asked.clear(exceptFrom, exceptTo);
                assertEquals(
                        !asked.isEmpty(),
                        set.overlapsOutside(from, to, exceptFrom, exceptTo),
                        "seed " + seed);
                assertEquals(model.isEmpty(), set.isEmpty(), "seed " + seed);
            }
        }
    }

    @Test
    void tooManyRangesBecomeOneThatHoldsThemAll() {
        RangeSet set = new RangeSet();
        for (int i = 0; i < 10_000; i++) {
            set.add(10L * i, 10L * i + 1);
        }
        assertTrue(set.overlaps(5, 6));
        assertTrue(set.overlaps(99_990, Long.MAX_VALUE));
        assertFalse(set.overlaps(99_991, Long.MAX_VALUE));
    }
}
