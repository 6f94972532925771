package io.fusedax.backing.region;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.FsException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Which loads and stores of a region bad blocks refuse, and what makes them good. */
class BadBlocksTest {
    private static final int UNIT = BadBlocks.UNIT_BYTES;
    private static final int UNITS = 64;

    @Test
    void theListIsWhatASetOfUnitsWouldBe() {
        Random random = Seed.random("BadBlocksTest");
        for (int round = 0; round < 300; round++) {
            BadBlocks bad = new BadBlocks();
            BitSet model = new BitSet(UNITS);
            for (int step = 0; step < 40; step++) {
                int from = random.nextInt(UNITS * UNIT - 1);
                int length = 1 + random.nextInt(Math.min(9 * UNIT, UNITS * UNIT - from));
                if (random.nextBoolean()) {
                    bad.mark(from, length);
                    model.set(from / UNIT, (from + length + UNIT - 1) / UNIT);
                } else {
                    bad.clear(from, length);
                    int first = (from + UNIT - 1) / UNIT;
                    model.clear(first, Math.max(first, (from + length) / UNIT));
                }
                assertEquals(rangesOf(model), bad.list());
                assertEquals(!model.isEmpty(), bad.any());
                int at = random.nextInt(UNITS * UNIT);
                assertEquals(
                        model.get(at / UNIT, (at + 700 + UNIT - 1) / UNIT).cardinality() > 0,
                        bad.overlap(at, 700),
                        "overlap at " + at);
                assertEquals(goodAround(model, at / UNIT), bad.goodAround(at & -UNIT, UNIT));
            }
        }
    }

    private static BadBlocks.Range goodAround(BitSet model, int unit) {
        if (model.get(unit)) {
            return null;
        }
        long from = (model.previousSetBit(unit) + 1L) * UNIT;
        int next = model.nextSetBit(unit);
        return new BadBlocks.Range(from, (next < 0 ? Long.MAX_VALUE : (long) next * UNIT) - from);
    }

    private static List<BadBlocks.Range> rangesOf(BitSet model) {
        List<BadBlocks.Range> ranges = new ArrayList<>();
        int from = model.nextSetBit(0);
        while (from >= 0) {
            int end = model.nextClearBit(from);
            ranges.add(new BadBlocks.Range((long) from * UNIT, (long) (end - from) * UNIT));
            from = model.nextSetBit(end);
        }
        return ranges;
    }

    @Test
    void aLoadThatTouchesOneFailsAndNamesIt() throws FsException, IOException {
        try (MappedRegion region = TestRegions.create(RegionKind.MEMFD, 1 << 20)) {
            region.badBlocks().mark(5 * UNIT + 7, 1);
            region.read(4 * UNIT, new byte[UNIT], 0, UNIT);
            region.getLong(6 * UNIT);
            MediaErrorException e =
                    assertThrows(
                            MediaErrorException.class,
                            () -> region.read(4 * UNIT, new byte[UNIT + 1], 0, UNIT + 1));
            assertTrue(e.getMessage().contains("bad block 5 at offset 2560"), e.getMessage());
            assertThrows(MediaErrorException.class, () -> region.getInt(6 * UNIT - 4));
            assertThrows(MediaErrorException.class, () -> region.copy(5 * UNIT, 0, UNIT));
        }
    }

    @Test
    void aStoreOfAWholeUnitMakesItGoodAndOneOfAPartFails() throws FsException, IOException {
        try (MappedRegion region = TestRegions.create(RegionKind.MEMFD, 1 << 20)) {
            region.badBlocks().mark(5 * UNIT, 3 * UNIT);
            assertThrows(MediaErrorException.class, () -> region.putLong(5 * UNIT, 1));
            byte[] some = new byte[2 * UNIT];
            assertThrows(
                    MediaErrorException.class, () -> region.write(5 * UNIT, some, 0, UNIT + 8));
            assertEquals(
                    List.of(new BadBlocks.Range(5 * UNIT, 3 * UNIT)),
                    region.badBlocks().list(),
                    "a refused store changes nothing");
            region.write(5 * UNIT, some, 0, 2 * UNIT);
            region.read(5 * UNIT, some, 0, 2 * UNIT);
            region.zero(7 * UNIT - 100, UNIT + 200);
            assertFalse(region.badBlocks().any());
        }
    }
}
