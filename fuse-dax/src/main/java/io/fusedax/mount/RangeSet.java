package io.fusedax.mount;

import java.util.Arrays;

/**
 * Ranges of longs, disjoint and in order. Few at a time: past {@link #MAX_COUNT} it says more than
 * was added, never less.
 */
final class RangeSet {
    private static final int MAX_COUNT = 4096;

    private long[] starts = new long[4];
    private long[] ends = new long[4];
    private int count;

    boolean isEmpty() {
        return count == 0;
    }

    /** Index of the first range that ends after a position. */
    private int firstEndingAfter(long position) {
        int low = 0;
        int high = count;
        while (low < high) {
            int middle = low + high >>> 1;
            if (ends[middle] > position) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return low;
    }

    boolean overlaps(long start, long end) {
        int i = firstEndingAfter(start);
        return start < end && i < count && starts[i] < end;
    }

    /** Whether something of start..end lies outside of exceptStart..exceptEnd. */
    boolean overlapsOutside(long start, long end, long exceptStart, long exceptEnd) {
        return overlaps(start, Math.min(end, exceptStart))
                || overlaps(Math.max(start, exceptEnd), end);
    }

    void add(long start, long end) {
        if (start >= end) {
            return;
        }
        // ranges that only touch are joined too
        int from = firstEndingAfter(start - 1);
        int to = from;
        long newStart = start;
        long newEnd = end;
        while (to < count && starts[to] <= end) {
            newStart = Math.min(newStart, starts[to]);
            newEnd = Math.max(newEnd, ends[to]);
            to++;
        }
        replace(from, to, 1);
        starts[from] = newStart;
        ends[from] = newEnd;
        if (count > MAX_COUNT) {
            ends[0] = ends[count - 1];
            count = 1;
        }
    }

    void remove(long start, long end) {
        int from = firstEndingAfter(start);
        if (start >= end || from == count || starts[from] >= end) {
            return;
        }
        int to = from;
        while (to < count && starts[to] < end) {
            to++;
        }
        long head = starts[from];
        long tail = ends[to - 1];
        int rest = (head < start ? 1 : 0) + (tail > end ? 1 : 0);
        replace(from, to, rest);
        int at = from;
        if (head < start) {
            starts[at] = head;
            ends[at++] = start;
        }
        if (tail > end) {
            starts[at] = end;
            ends[at] = tail;
        }
    }

    /** Start and end of every range, one after the other. */
    long[] toArray() {
        long[] all = new long[2 * count];
        for (int i = 0; i < count; i++) {
            all[2 * i] = starts[i];
            all[2 * i + 1] = ends[i];
        }
        return all;
    }

    void clear() {
        count = 0;
    }

    /** Makes room for {@code size} ranges in place of those from..to. */
    private void replace(int from, int to, int size) {
        int newCount = count - (to - from) + size;
        if (newCount > starts.length) {
            starts = Arrays.copyOf(starts, 2 * newCount);
            ends = Arrays.copyOf(ends, 2 * newCount);
        }
        System.arraycopy(starts, to, starts, from + size, count - to);
        System.arraycopy(ends, to, ends, from + size, count - to);
        count = newCount;
    }
}
