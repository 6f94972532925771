package io.fusedax.backing.volume;

import io.fusedax.backing.Counters;
import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.region.BadBlocks;
import io.fusedax.backing.region.FlushMechanism;
import io.fusedax.backing.region.Region;
import io.fusedax.backing.region.RegionKind;
import java.util.HashMap;
import java.util.Map;

/**
 * A region over another one that is never stored into: stores stay here, in pages. So a journal can
 * be replayed, and a repair tried, before anything is decided.
 */
final class CheckOverlayRegion implements Region {
    private final Region media;
    private final Counters counters = new Counters();
    private final Map<Long, byte[]> pages = new HashMap<>();
    private final byte[] word = new byte[Long.BYTES];

    CheckOverlayRegion(Region media) {
        this.media = media;
    }

    /** Does something with the part of a range that lies in one page. */
    @FunctionalInterface
    private interface Part {
        void apply(long page, int inPage, int done, int length);
    }

    private void forParts(long offset, int length, Part part) {
        if (offset < 0 || length < 0 || offset > sizeBytes() - length) {
            throw new IndexOutOfBoundsException("offset=" + offset + " length=" + length);
        }
        int done = 0;
        while (done < length) {
            long at = offset + done;
            int inPage = (int) (at % PAGE_BYTES);
            int step = Math.min(length - done, PAGE_BYTES - inPage);
            part.apply(at / PAGE_BYTES, inPage, done, step);
            done += step;
        }
    }

    @Override
    public void read(long offset, byte[] dst, int dstIndex, int length) {
        if (pages.isEmpty()) {
            media.read(offset, dst, dstIndex, length);
            return;
        }
        forParts(
                offset,
                length,
                (page, inPage, done, part) -> {
                    byte[] stored = pages.get(page);
                    if (stored == null) {
                        media.read(page * PAGE_BYTES + inPage, dst, dstIndex + done, part);
                    } else {
                        System.arraycopy(stored, inPage, dst, dstIndex + done, part);
                    }
                });
    }

    @Override
    public void write(long offset, byte[] src, int srcIndex, int length) {
        forParts(
                offset,
                length,
                (page, inPage, done, part) ->
                        System.arraycopy(src, srcIndex + done, ownPage(page), inPage, part));
    }

    private byte[] ownPage(long page) {
        return pages.computeIfAbsent(
                page,
                number -> {
                    byte[] copy = new byte[PAGE_BYTES];
                    media.read(number * PAGE_BYTES, copy, 0, PAGE_BYTES);
                    return copy;
                });
    }

    @Override
    public int getInt(long offset) {
        read(offset, word, 0, Integer.BYTES);
        return Bytes.getInt(word, 0);
    }

    @Override
    public long getLong(long offset) {
        read(offset, word, 0, Long.BYTES);
        return Bytes.getLong(word, 0);
    }

    @Override
    public void putInt(long offset, int value) {
        Bytes.putInt(word, 0, value);
        write(offset, word, 0, Integer.BYTES);
    }

    @Override
    public void putLong(long offset, long value) {
        Bytes.putLong(word, 0, value);
        write(offset, word, 0, Long.BYTES);
    }

    @Override
    public long sizeBytes() {
        return media.sizeBytes();
    }

    @Override
    public RegionKind kind() {
        return media.kind();
    }

    @Override
    public int alignmentBytes() {
        return media.alignmentBytes();
    }

    @Override
    public FlushMechanism flushMechanism() {
        return FlushMechanism.NONE;
    }

    @Override
    public boolean readOnly() {
        return true;
    }

    @Override
    public String description() {
        return media.description();
    }

    @Override
    public Counters counters() {
        return counters;
    }

    @Override
    public BadBlocks badBlocks() {
        return media.badBlocks();
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
        byte[] bytes = new byte[Math.toIntExact(lengthBytes)];
        read(fromOffset, bytes, 0, bytes.length);
        write(toOffset, bytes, 0, bytes.length);
    }

    @Override
    public void zero(long offset, long lengthBytes) {
        byte[] zeros = new byte[Math.toIntExact(lengthBytes)];
        write(offset, zeros, 0, zeros.length);
    }

    @Override
    public void flush(long offset, long lengthBytes) {
        // nothing here is to last
    }

    @Override
    public void drain() {
        // nothing here is to last
    }

    @Override
    public void punch(long offset, long lengthBytes) {
        // a hint
    }

    @Override
    public void close() {
        pages.clear();
    }
}
