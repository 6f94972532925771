package io.fusedax.backing.journal;

import io.fusedax.backing.Counters;
import io.fusedax.backing.region.Region;
import io.fusedax.backing.region.RegionKind;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.TreeMap;

/**
 * A region in an array that knows, for every aligned 8-byte word, the value that is surely durable
 * and all values stored since, and makes the images that a power loss could leave. What was flushed
 * and then drained is there; beyond that every word holds any of its later values.
 */
public final class CrashRegion implements Region {
    private static final int WORD_BYTES = 8;
    private static final int LINE_WORDS = 8;
    private static final int PAGE_WORDS = PAGE_BYTES / WORD_BYTES;

    /** Which of the stores that are not surely durable survive. */
    public enum Survivors {
        /** None: the caches are lost. */
        NONE,
        /** All, in order: the process is killed, or the caches are flushed by the hardware. */
        ALL,
        /** Any value of any word. */
        ANY_WORDS,
        /** The last values of any lines. */
        ANY_LINES,
        /** All but one line. */
        ALL_BUT_ONE_LINE,
        /** One line alone. */
        ONE_LINE
    }

    private final byte[] live;
    private final ByteBuffer liveView;

    /** Pages that were stored to; the others are durable as they are. */
    private final Map<Integer, Page> pages = new TreeMap<>();

    private final Counters counters = new Counters();
    private Runnable afterEach = () -> {};
    private Runnable beforeDrain = () -> {};

    /** What is known of the words of one page. */
    private static final class Page {
        final ByteBuffer durable;
        final BitSet pending = new BitSet(PAGE_WORDS);

        /** Values stored since the durable one, by word; the last is the live one. */
        final long[][] later = new long[PAGE_WORDS][];

        /** How many of those a flush covers, by word. */
        final int[] flushed = new int[PAGE_WORDS];

        Page(byte[] content) {
            durable = ByteBuffer.wrap(content).order(ByteOrder.LITTLE_ENDIAN);
        }
    }

    /** A region of zeros. */
    public CrashRegion(int sizeBytes) {
        this(new byte[sizeBytes]);
    }

    /** A region with durable content, which becomes its own. */
    public CrashRegion(byte[] image) {
        this.live = image;
        this.liveView = ByteBuffer.wrap(live).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** Runs after every store, flush and drain. */
    public void afterEach(Runnable action) {
        afterEach = action;
    }

    /** Runs at the start of every drain, without a lock. */
    public void beforeDrain(Runnable action) {
        beforeDrain = action;
    }

    /** What a power loss at this moment leaves. */
    public synchronized byte[] image(Survivors survivors, Random random) {
        byte[] image = live.clone();
        if (survivors == Survivors.ALL) {
            return image;
        }
        ByteBuffer view = ByteBuffer.wrap(image).order(ByteOrder.LITTLE_ENDIAN);
        int chosenLine = chosenLine(random);
        for (Map.Entry<Integer, Page> entry : pages.entrySet()) {
            int firstWord = entry.getKey() * PAGE_WORDS;
            Page page = entry.getValue();
            int line = -1;
            boolean lineSurvives = false;
            BitSet pending = page.pending;
            for (int at = pending.nextSetBit(0); at >= 0; at = pending.nextSetBit(at + 1)) {
                if ((firstWord + at) / LINE_WORDS != line) {
                    line = (firstWord + at) / LINE_WORDS;
                    lineSurvives = survives(survivors, line, chosenLine, random);
                }
                int values = lineSurvives ? page.later[at].length : 0;
                if (survivors == Survivors.ANY_WORDS) {
                    values = random.nextInt(page.later[at].length + 1);
                }
                long durable = page.durable.getLong(at * WORD_BYTES);
                long value = values == 0 ? durable : page.later[at][values - 1];
                view.putLong((firstWord + at) * WORD_BYTES, value);
            }
        }
        return image;
    }

    private static boolean survives(Survivors survivors, int line, int chosenLine, Random random) {
        return switch (survivors) {
            case ALL -> true;
            case ANY_LINES -> random.nextBoolean();
            case ALL_BUT_ONE_LINE -> line != chosenLine;
            case ONE_LINE -> line == chosenLine;
            case NONE, ANY_WORDS -> false;
        };
    }

    /** A random line among those with stores that are not surely durable. */
    private int chosenLine(Random random) {
        List<Integer> lines = new ArrayList<>();
        for (Map.Entry<Integer, Page> entry : pages.entrySet()) {
            int firstWord = entry.getKey() * PAGE_WORDS;
            entry.getValue().pending.stream()
                    .map(word -> (firstWord + word) / LINE_WORDS)
                    .distinct()
                    .forEach(lines::add);
        }
        return lines.isEmpty() ? -1 : lines.get(random.nextInt(lines.size()));
    }

    /** A copy of what loads see. */
    public synchronized byte[] liveBytes() {
        return live.clone();
    }

    private void checkRange(long offset, long length) {
        Objects.checkFromIndexSize(offset, length, (long) live.length);
    }

    /** Called before a store: what pages hold is still durable. */
    private void keepDurable(long offset, long length) {
        checkRange(offset, length);
        for (long at = offset & -PAGE_BYTES; at < offset + length; at += PAGE_BYTES) {
            int from = (int) at;
            pages.computeIfAbsent(
                    from / PAGE_BYTES,
                    number -> new Page(Arrays.copyOfRange(live, from, from + PAGE_BYTES)));
        }
    }

    /** Called after a store. */
    private void stored(long offset, long length) {
        if (length == 0) {
            return;
        }
        int end = (int) ((offset + length - 1) / WORD_BYTES) + 1;
        for (int word = (int) (offset / WORD_BYTES); word < end; word++) {
            Page page = pages.get(word / PAGE_WORDS);
            int at = word % PAGE_WORDS;
            long[] later = page.later[at];
            later = later == null ? new long[1] : Arrays.copyOf(later, later.length + 1);
            later[later.length - 1] = liveView.getLong(word * WORD_BYTES);
            page.later[at] = later;
            page.pending.set(at);
        }
    }

    @Override
    public long sizeBytes() {
        return live.length;
    }

    @Override
    public RegionKind kind() {
        return RegionKind.MEMFD;
    }

    @Override
    public int alignmentBytes() {
        return PAGE_BYTES;
    }

    @Override
    public boolean readOnly() {
        return false;
    }

    @Override
    public String description() {
        return "crash region";
    }

    @Override
    public Counters counters() {
        return counters;
    }

    @Override
    public synchronized int getInt(long offset) {
        return liveView.getInt(Math.toIntExact(offset));
    }

    @Override
    public synchronized long getLong(long offset) {
        return liveView.getLong(Math.toIntExact(offset));
    }

    @Override
    public void putInt(long offset, int value) {
        synchronized (this) {
            keepDurable(offset, Integer.BYTES);
            liveView.putInt(Math.toIntExact(offset), value);
            stored(offset, Integer.BYTES);
        }
        afterEach.run();
    }

    @Override
    public void putLong(long offset, long value) {
        synchronized (this) {
            keepDurable(offset, Long.BYTES);
            liveView.putLong(Math.toIntExact(offset), value);
            stored(offset, Long.BYTES);
        }
        afterEach.run();
    }

    @Override
    public synchronized void read(long offset, byte[] dst, int dstIndex, int length) {
        checkRange(offset, length);
        System.arraycopy(live, (int) offset, dst, dstIndex, length);
    }

    @Override
    public void write(long offset, byte[] src, int srcIndex, int length) {
        synchronized (this) {
            keepDurable(offset, length);
            System.arraycopy(src, srcIndex, live, (int) offset, length);
            stored(offset, length);
        }
        afterEach.run();
    }

    @Override
    public void readTo(long offset, long nativeAddress, long lengthBytes) {
        throw new UnsupportedOperationException("native memory");
    }

    @Override
    public void writeFrom(long offset, long nativeAddress, long lengthBytes) {
        throw new UnsupportedOperationException("native memory");
    }

    @Override
    public void copy(long fromOffset, long toOffset, long lengthBytes) {
        synchronized (this) {
            checkRange(fromOffset, lengthBytes);
            keepDurable(toOffset, lengthBytes);
            System.arraycopy(live, (int) fromOffset, live, (int) toOffset, (int) lengthBytes);
            stored(toOffset, lengthBytes);
        }
        afterEach.run();
    }

    @Override
    public void zero(long offset, long lengthBytes) {
        synchronized (this) {
            keepDurable(offset, lengthBytes);
            Arrays.fill(live, (int) offset, (int) (offset + lengthBytes), (byte) 0);
            stored(offset, lengthBytes);
        }
        afterEach.run();
    }

    @Override
    public void flush(long offset, long lengthBytes) {
        synchronized (this) {
            checkRange(offset, lengthBytes);
            int end = (int) ((offset + lengthBytes + WORD_BYTES - 1) / WORD_BYTES);
            for (int word = (int) (offset / WORD_BYTES); word < end; word++) {
                Page page = pages.get(word / PAGE_WORDS);
                int at = word % PAGE_WORDS;
                if (page != null && page.pending.get(at)) {
                    page.flushed[at] = page.later[at].length;
                }
            }
        }
        afterEach.run();
    }

    @Override
    public void drain() {
        beforeDrain.run();
        synchronized (this) {
            pages.values().removeIf(CrashRegion::drainPage);
        }
        afterEach.run();
    }

    /** Answers whether all of the page is durable now. */
    private static boolean drainPage(Page page) {
        BitSet pending = page.pending;
        for (int at = pending.nextSetBit(0); at >= 0; at = pending.nextSetBit(at + 1)) {
            int flushed = page.flushed[at];
            if (flushed > 0) {
                long[] later = page.later[at];
                page.durable.putLong(at * WORD_BYTES, later[flushed - 1]);
                page.later[at] =
                        flushed == later.length
                                ? null
                                : Arrays.copyOfRange(later, flushed, later.length);
                page.flushed[at] = 0;
                pending.set(at, flushed < later.length);
            }
        }
        return pending.isEmpty();
    }

    @Override
    public void punch(long offset, long lengthBytes) {
        zero(offset, lengthBytes);
    }

    @Override
    public void close() {
        // an array needs no release
    }
}
