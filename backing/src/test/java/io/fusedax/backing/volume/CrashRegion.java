package io.fusedax.backing.volume;

import io.fusedax.backing.Counters;
import io.fusedax.backing.region.Region;
import io.fusedax.backing.region.RegionKind;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Random;

/**
 * A region in an array that records every store, flush and drain, and builds the images that a
 * power cut could leave: what was drained is there; of the rest any subset of aligned 8-byte words
 * may be.
 */
final class CrashRegion implements Region {
    private static final int LINE = 64;

    private final byte[] bytes;
    private final ByteBuffer view;
    private final Counters counters = new Counters();
    private byte[] base;
    private final List<Event> events = new ArrayList<>();
    private boolean recording;

    /** A store carries its bytes; a flush only its range; a drain nothing. */
    private record Event(long offset, byte[] stored, long flushedBytes, boolean drain) {}

    CrashRegion(int sizeBytes) {
        this(new byte[sizeBytes]);
    }

    CrashRegion(byte[] image) {
        this.bytes = image;
        this.view = ByteBuffer.wrap(image).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** From now on everything counts; what is there is durable. */
    void record() {
        base = bytes.clone();
        events.clear();
        recording = true;
    }

    void stopRecording() {
        recording = false;
    }

    /** Cut positions: before the first event, and after each. */
    int cuts() {
        return events.size() + 1;
    }

    /** Every executed store survives, flushed or not (eADR). */
    byte[] imageOfAllStores(int cut) {
        byte[] image = base.clone();
        for (Event event : events.subList(0, cut)) {
            apply(event, image);
        }
        return image;
    }

    /**
     * What was flushed and drained survives, and of the other stores a random part, in words of 8
     * bytes (ADR).
     *
     * @param keepPercent chance of a line with stores that are not durable to be written back, and
     *     of a word in a torn one
     */
    byte[] imageOfDurableStores(int cut, Random random, int keepPercent) {
        Replay replay = new Replay(cut);
        BitSet lucky = new BitSet();
        int line = -1;
        int fate = 0;
        boolean lineKept = false;
        BitSet pending = replay.pendingWords;
        for (int word = pending.nextSetBit(0); word >= 0; word = pending.nextSetBit(word + 1)) {
            if (word / 8 != line) {
                line = word / 8;
                fate = random.nextInt(3); // kept or lost as a whole, or torn
                lineKept = random.nextInt(100) < keepPercent;
            }
            lucky.set(word, fate == 0 ? random.nextBoolean() : lineKept);
        }
        return replay.image(lucky);
    }

    /** Everything survives but one store that is not durable: the order of stores is broken. */
    byte[] imageWithoutOneStore(int cut, Random random) {
        Replay replay = new Replay(cut);
        List<Event> candidates = new ArrayList<>();
        for (Event event : events.subList(0, cut)) {
            if (event.stored != null && replay.pendingWords.get((int) (event.offset / 8))) {
                candidates.add(event);
            }
        }
        BitSet lucky = (BitSet) replay.pendingWords.clone();
        if (!candidates.isEmpty()) {
            Event lost = candidates.get(random.nextInt(candidates.size()));
            int end = (int) ((lost.offset + lost.stored.length - 1) / 8) + 1;
            lucky.clear((int) (lost.offset / 8), end);
        }
        return replay.image(lucky);
    }

    /** The state of every word after the events before a cut. */
    private final class Replay {
        private final byte[] durable = base.clone();
        private final byte[] latest = base.clone();
        private final BitSet pendingWords = new BitSet();
        private final BitSet flushedWords = new BitSet();

        Replay(int cut) {
            for (Event event : events.subList(0, cut)) {
                if (event.stored != null) {
                    apply(event, latest);
                    int end = (int) ((event.offset + event.stored.length - 1) / 8) + 1;
                    pendingWords.set((int) (event.offset / 8), end);
                    flushedWords.clear((int) (event.offset / 8), end);
                } else if (event.drain) {
                    persist(flushedWords, latest, durable);
                    pendingWords.andNot(flushedWords);
                    flushedWords.clear();
                } else {
                    int first = (int) (event.offset / LINE) * (LINE / 8);
                    int end =
                            (int) ((event.offset + event.flushedBytes - 1) / LINE + 1) * (LINE / 8);
                    BitSet range = new BitSet();
                    range.set(first, end);
                    range.and(pendingWords);
                    flushedWords.or(range);
                }
            }
        }

        byte[] image(BitSet survivingWords) {
            persist(survivingWords, latest, durable);
            return durable;
        }
    }

    private static void persist(BitSet words, byte[] from, byte[] to) {
        for (int word = words.nextSetBit(0); word >= 0; word = words.nextSetBit(word + 1)) {
            System.arraycopy(from, word * 8, to, word * 8, 8);
        }
    }

    private static void apply(Event event, byte[] image) {
        if (event.stored != null) {
            System.arraycopy(event.stored, 0, image, (int) event.offset, event.stored.length);
        }
    }

    private void stored(long offset, int length) {
        if (recording && length > 0) {
            byte[] copy = Arrays.copyOfRange(bytes, (int) offset, (int) offset + length);
            events.add(new Event(offset, copy, 0, false));
        }
    }

    @Override
    public long sizeBytes() {
        return bytes.length;
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
    public int getInt(long offset) {
        return view.getInt((int) offset);
    }

    @Override
    public long getLong(long offset) {
        return view.getLong((int) offset);
    }

    @Override
    public void putInt(long offset, int value) {
        view.putInt((int) offset, value);
        stored(offset, Integer.BYTES);
    }

    @Override
    public void putLong(long offset, long value) {
        view.putLong((int) offset, value);
        stored(offset, Long.BYTES);
    }

    @Override
    public void read(long offset, byte[] dst, int dstIndex, int length) {
        System.arraycopy(bytes, (int) offset, dst, dstIndex, length);
    }

    @Override
    public void write(long offset, byte[] src, int srcIndex, int length) {
        System.arraycopy(src, srcIndex, bytes, (int) offset, length);
        stored(offset, length);
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
        System.arraycopy(bytes, (int) fromOffset, bytes, (int) toOffset, (int) lengthBytes);
        stored(toOffset, (int) lengthBytes);
    }

    @Override
    public void zero(long offset, long lengthBytes) {
        Arrays.fill(bytes, (int) offset, (int) (offset + lengthBytes), (byte) 0);
        stored(offset, (int) lengthBytes);
    }

    @Override
    public void flush(long offset, long lengthBytes) {
        if (recording && lengthBytes > 0) {
            events.add(new Event(offset, null, lengthBytes, false));
        }
    }

    @Override
    public void drain() {
        if (recording) {
            events.add(new Event(0, null, 0, true));
        }
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
