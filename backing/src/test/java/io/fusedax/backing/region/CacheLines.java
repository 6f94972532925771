package io.fusedax.backing.region;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.IntConsumer;

/**
 * The processor's cache between stores and media: for every line all contents that it had since it
 * was surely durable. A power cut leaves any of them, or any mixture in words of 8 bytes.
 *
 * <p>Invariant: a line that is not pending has the same bytes in {@link #durable} and {@link
 * #latest}.
 */
public final class CacheLines {
    /** The unit of write-back. */
    public static final int LINE_BYTES = 64;

    /** The unit that is never torn. */
    public static final int WORD_BYTES = 8;

    private final byte[] durable;
    private final byte[] latest;
    private final Line[] byNumber;
    private final List<Line> pending = new ArrayList<>();
    private final List<Line> spare = new ArrayList<>();

    /** A line with stores that are not surely durable. */
    public static final class Line {
        private int number;
        private byte[] contents = new byte[2 * LINE_BYTES];
        private int count;
        private int flushed;
        private int place;

        /** Offset of its first byte in the region. */
        public int offset() {
            return number * LINE_BYTES;
        }

        /** How many contents it had since it was durable; the last is what loads see. */
        public int versions() {
            return count;
        }

        /** Copies one of its contents, 0 the oldest. */
        public void copyTo(int version, byte[] target, int at, int fromByte, int lengthBytes) {
            System.arraycopy(contents, version * LINE_BYTES + fromByte, target, at, lengthBytes);
        }

        private void add(byte[] latest) {
            if ((count + 1) * LINE_BYTES > contents.length) {
                contents = Arrays.copyOf(contents, 2 * contents.length);
            }
            System.arraycopy(latest, offset(), contents, count * LINE_BYTES, LINE_BYTES);
            count++;
        }
    }

    /**
     * @param durable what is surely there
     * @param latest what loads see; equal so far, and changed by the caller before {@link #stored}
     */
    public CacheLines(byte[] durable, byte[] latest) {
        this.durable = durable;
        this.latest = latest;
        this.byNumber = new Line[durable.length / LINE_BYTES];
    }

    /** What a power cut surely leaves. */
    public byte[] durable() {
        return durable;
    }

    /** What loads see. */
    public byte[] latest() {
        return latest;
    }

    /** The lines that are not surely durable, in no order that means anything. */
    public List<Line> pending() {
        return pending;
    }

    /** Notes that {@link #latest} changed in a range. */
    public void stored(int offset, int lengthBytes) {
        int end = (offset + lengthBytes + LINE_BYTES - 1) / LINE_BYTES;
        for (int number = offset / LINE_BYTES; number < end && lengthBytes > 0; number++) {
            Line line = byNumber[number];
            if (line == null) {
                line = spare.isEmpty() ? new Line() : spare.remove(spare.size() - 1);
                line.number = number;
                line.count = 0;
                line.flushed = 0;
                line.place = pending.size();
                pending.add(line);
                byNumber[number] = line;
            }
            line.add(latest);
        }
    }

    /** As {@link Region#flush}. */
    public void flush(long offset, long lengthBytes) {
        int end = (int) ((offset + lengthBytes + LINE_BYTES - 1) / LINE_BYTES);
        for (int number = (int) (offset / LINE_BYTES); number < end && lengthBytes > 0; number++) {
            Line line = byNumber[number];
            if (line != null) {
                line.flushed = line.count;
            }
        }
    }

    /**
     * As {@link Region#drain}.
     *
     * @param drained hears the offset of every line whose durable content changes, before it does
     * @param after hears it again afterwards
     */
    public void drain(IntConsumer drained, IntConsumer after) {
        for (int i = pending.size() - 1; i >= 0; i--) {
            Line line = pending.get(i);
            if (line.flushed == 0) {
                continue;
            }
            drained.accept(line.offset());
            line.copyTo(line.flushed - 1, durable, line.offset(), 0, LINE_BYTES);
            after.accept(line.offset());
            int left = line.count - line.flushed;
            System.arraycopy(
                    line.contents, line.flushed * LINE_BYTES, line.contents, 0, left * LINE_BYTES);
            line.count = left;
            line.flushed = 0;
            if (left == 0) {
                remove(line);
            }
        }
    }

    private void remove(Line line) {
        byNumber[line.number] = null;
        Line last = pending.remove(pending.size() - 1);
        if (last != line) {
            pending.set(line.place, last);
            last.place = line.place;
        }
        spare.add(line);
    }

    /** What a power cut leaves of all lines. */
    public byte[] image(Survivors survivors, Random random) {
        byte[] image = durable.clone();
        int chosen = pending.isEmpty() ? -1 : random.nextInt(pending.size());
        for (int i = 0; i < pending.size(); i++) {
            Line line = pending.get(i);
            switch (survivors) {
                case NONE -> {}
                case ALL -> keep(line, line.count, image);
                case ANY_LINES -> keep(line, random.nextInt(2) * line.count, image);
                case ANY_WORDS -> tear(line, image, random);
                case TORN_LINES -> keepOrTear(line, image, random);
                case ALL_BUT_ONE_LINE -> keep(line, i == chosen ? 0 : line.count, image);
                case ONE_LINE -> keep(line, i == chosen ? line.count : 0, image);
                default -> throw new IllegalStateException(survivors.name());
            }
        }
        return image;
    }

    /** Lets a line keep its first so many contents: the last of them shows; 0: the durable one. */
    public static void keep(Line line, int versions, byte[] image) {
        if (versions > 0) {
            line.copyTo(versions - 1, image, line.offset(), 0, LINE_BYTES);
        }
    }

    /** Lets each word of a line have any of its contents. */
    public static void tear(Line line, byte[] image, Random random) {
        for (int at = 0; at < LINE_BYTES; at += WORD_BYTES) {
            int kept = random.nextInt(line.count + 1);
            if (kept > 0) {
                line.copyTo(kept - 1, image, line.offset() + at, at, WORD_BYTES);
            }
        }
    }

    private static void keepOrTear(Line line, byte[] image, Random random) {
        int fate = random.nextInt(3);
        if (fate == 0) {
            tear(line, image, random);
        } else {
            keep(line, (fate - 1) * line.count, image);
        }
    }
}
