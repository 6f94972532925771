package io.fusedax.backing.region;

import java.util.Arrays;

/**
 * A bounded set of byte ranges, widened to whole pages, sorted, with neighbours and overlaps
 * joined. Beyond its bound it gives up and stands for everything. Not safe for threads; adding
 * allocates nothing.
 */
final class PageRanges {
    private final long pageBytes;
    private final long[] starts;
    private final long[] ends;
    private int count;
    private boolean everything;

    /**
     * @param pageBytes a power of two
     * @param maxRanges ranges kept apart before the set becomes everything
     */
    PageRanges(int pageBytes, int maxRanges) {
        this.pageBytes = pageBytes;
        this.starts = new long[maxRanges];
        this.ends = new long[maxRanges];
    }

    /** Adds bytes offset..offset+lengthBytes; nothing for a length of 0. */
    void add(long offset, long lengthBytes) {
        if (everything || lengthBytes == 0) {
            return;
        }
        long start = offset & -pageBytes;
        long end = (offset + lengthBytes + pageBytes - 1) & -pageBytes;
        int first = firstNotBefore(start);
        int last = first; // the ranges first..last-1 touch the new one
        while (last < count && starts[last] <= end) {
            start = Math.min(start, starts[last]);
            end = Math.max(end, ends[last]);
            last++;
        }
        if (last == first && count == starts.length) {
            everything = true;
            return;
        }
        int moved = count - last;
        System.arraycopy(starts, last, starts, first + 1, moved);
        System.arraycopy(ends, last, ends, first + 1, moved);
        starts[first] = start;
        ends[first] = end;
        count = first + 1 + moved;
    }

    /**
     * The first range that ends at or after an offset: only it and its followers can touch what
     * starts there.
     */
    private int firstNotBefore(long offset) {
        int found = Arrays.binarySearch(ends, 0, count, offset);
        return found >= 0 ? found : -found - 1;
    }

    boolean isEmpty() {
        return count == 0;
    }

    /** Whether more ranges were added than the bound allows; the ranges then say nothing. */
    boolean isEverything() {
        return everything;
    }

    int count() {
        return count;
    }

    long start(int index) {
        return starts[index];
    }

    long lengthBytes(int index) {
        return ends[index] - starts[index];
    }

    void clear() {
        count = 0;
        everything = false;
    }
}
