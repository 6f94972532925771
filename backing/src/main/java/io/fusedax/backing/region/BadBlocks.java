package io.fusedax.backing.region;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The units of a region whose content is lost, for fault injection: what the list {@code badblocks}
 * of a pmem device is to Linux. A load of such a unit fails, and so does a store to a part of it; a
 * store that covers the unit makes it good.
 *
 * <p>Kept in memory only: it ends with the open region, and what the media holds is untouched.
 * Offsets and lengths are bytes from the region's start. Safe for any number of threads; while
 * there are none, an access costs the look at one boolean.
 */
public final class BadBlocks {
    /** Size of a unit: a sector, as ndctl-inject-error(1) has it. */
    public static final int UNIT_BYTES = 512;

    /** Ends by starts: disjoint, not adjacent, whole units. Guarded by this. */
    private final TreeMap<Long, Long> ranges = new TreeMap<>();

    private volatile boolean any;

    /** Bad units in a row, in bytes; both are multiples of {@link #UNIT_BYTES}. */
    public record Range(long offset, long lengthBytes) {}

    /** Whether there are any. */
    public boolean any() {
        return any;
    }

    /** Makes every unit bad that the range touches. */
    public synchronized void mark(long offset, long lengthBytes) {
        if (lengthBytes <= 0) {
            return;
        }
        long start = offset & -UNIT_BYTES;
        long end = roundUp(offset + lengthBytes);
        Map.Entry<Long, Long> before = ranges.floorEntry(end);
        while (before != null && before.getValue() >= start) {
            start = Math.min(start, before.getKey());
            end = Math.max(end, before.getValue());
            ranges.remove(before.getKey());
            before = ranges.floorEntry(end);
        }
        ranges.put(start, end);
        any = true;
    }

    /** Makes every unit good that lies in the range as a whole. */
    public void clear(long offset, long lengthBytes) {
        if (any) {
            clearWhole(roundUp(offset), offset + lengthBytes & -UNIT_BYTES);
        }
    }

    private synchronized void clearWhole(long start, long end) {
        if (start >= end) {
            return;
        }
        Map.Entry<Long, Long> before = ranges.lowerEntry(end);
        while (before != null && before.getValue() > start) {
            ranges.remove(before.getKey());
            if (before.getKey() < start) {
                ranges.put(before.getKey(), start);
            }
            if (before.getValue() > end) {
                ranges.put(end, before.getValue());
            }
            before = ranges.lowerEntry(end);
        }
        any = !ranges.isEmpty();
    }

    /** All of them, in order. */
    public synchronized List<Range> list() {
        List<Range> list = new ArrayList<>(ranges.size());
        ranges.forEach((start, end) -> list.add(new Range(start, end - start)));
        return list;
    }

    /** Whether one of them lies in the range, at least in part. */
    public boolean overlap(long offset, long lengthBytes) {
        return any && lengthBytes > 0 && firstBehind(offset) < offset + lengthBytes;
    }

    /**
     * Start of the first one that ends behind an offset; Long.MAX_VALUE if there is none. It may
     * begin before the offset.
     */
    public synchronized long firstBehind(long offset) {
        Map.Entry<Long, Long> at = ranges.floorEntry(offset);
        if (at != null && at.getValue() > offset) {
            return at.getKey();
        }
        Long next = ranges.higherKey(offset);
        return next == null ? Long.MAX_VALUE : next;
    }

    /** The range around a piece that has none of them; null when the piece itself has one. */
    public synchronized Range goodAround(long offset, long lengthBytes) {
        long behind = firstBehind(offset);
        if (behind < offset + lengthBytes) {
            return null;
        }
        Map.Entry<Long, Long> before = ranges.lowerEntry(offset);
        long from = before == null ? 0 : before.getValue();
        return new Range(from, behind - from);
    }

    /**
     * Refuses a load that touches one.
     *
     * @param region names the region to people
     * @throws MediaErrorException naming the first one
     */
    void checkLoad(String region, long offset, long lengthBytes) {
        if (overlap(offset, lengthBytes)) {
            throw bad(region, Math.max(firstBehind(offset), offset & -UNIT_BYTES));
        }
    }

    /**
     * Makes good what a store covers, and refuses one that covers only a part of a bad unit: the
     * rest of that is lost. Then nothing has changed.
     *
     * @throws MediaErrorException naming the unit
     */
    synchronized void checkStore(String region, long offset, long lengthBytes) {
        if (lengthBytes == 0) {
            return;
        }
        long end = offset + lengthBytes;
        boolean headIsPart = offset % UNIT_BYTES != 0;
        boolean tailIsPart = end % UNIT_BYTES != 0;
        if (headIsPart && overlap(offset, 1)) {
            throw bad(region, offset & -UNIT_BYTES);
        }
        if (tailIsPart && overlap(end - 1, 1)) {
            throw bad(region, end - 1 & -UNIT_BYTES);
        }
        clear(offset, lengthBytes);
    }

    private static MediaErrorException bad(String region, long offset) {
        return new MediaErrorException(
                region + ": bad block " + offset / UNIT_BYTES + " at offset " + offset);
    }

    private static long roundUp(long offset) {
        return offset + UNIT_BYTES - 1 & -UNIT_BYTES;
    }
}
