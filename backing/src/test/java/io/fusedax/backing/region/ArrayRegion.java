package io.fusedax.backing.region;

import io.fusedax.backing.Counters;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Objects;

/** A region in an array, for tests: what is stored is there, and as durable as it gets. */
public class ArrayRegion implements Region {
    private static final VarHandle INT =
            MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle LONG =
            MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    /** What loads see. */
    protected final byte[] bytes;

    private int alignmentBytes = PAGE_BYTES;
    private final Counters counters = new Counters();
    private final BadBlocks badBlocks = new BadBlocks(); // nothing marks any

    /** A region with content, which becomes its own. */
    public ArrayRegion(byte[] image) {
        this.bytes = image;
    }

    /** The array itself. */
    public final byte[] bytes() {
        return bytes;
    }

    /** Called before every store, with the range checked. */
    protected void storing(int offset, int lengthBytes) {}

    /** Called after every store. */
    protected void stored(int offset, int lengthBytes) {}

    private int begin(long offset, long lengthBytes) {
        int at = check(offset, lengthBytes);
        storing(at, (int) lengthBytes);
        return at;
    }

    private int check(long offset, long lengthBytes) {
        return (int) Objects.checkFromIndexSize(offset, lengthBytes, (long) bytes.length);
    }

    @Override
    public final long sizeBytes() {
        return bytes.length;
    }

    @Override
    public final RegionKind kind() {
        return RegionKind.MEMFD;
    }

    @Override
    public final int alignmentBytes() {
        return alignmentBytes;
    }

    /** As a device that can be mapped in larger pieces only. */
    public final void alignTo(int newAlignmentBytes) {
        alignmentBytes = newAlignmentBytes;
    }

    @Override
    public final FlushMechanism flushMechanism() {
        return FlushMechanism.FENCE;
    }

    @Override
    public final boolean readOnly() {
        return false;
    }

    @Override
    public final String description() {
        return "array region";
    }

    @Override
    public final Counters counters() {
        return counters;
    }

    @Override
    public final BadBlocks badBlocks() {
        return badBlocks;
    }

    @Override
    public final int getInt(long offset) {
        return (int) INT.get(bytes, check(offset, Integer.BYTES));
    }

    @Override
    public final long getLong(long offset) {
        return (long) LONG.get(bytes, check(offset, Long.BYTES));
    }

    @Override
    public final void putInt(long offset, int value) {
        int at = begin(offset, Integer.BYTES);
        INT.set(bytes, at, value);
        stored(at, Integer.BYTES);
    }

    @Override
    public final void putLong(long offset, long value) {
        int at = begin(offset, Long.BYTES);
        LONG.set(bytes, at, value);
        stored(at, Long.BYTES);
    }

    @Override
    public final void read(long offset, byte[] dst, int dstIndex, int length) {
        System.arraycopy(bytes, check(offset, length), dst, dstIndex, length);
    }

    @Override
    public final void write(long offset, byte[] src, int srcIndex, int length) {
        int at = begin(offset, length);
        System.arraycopy(src, srcIndex, bytes, at, length);
        stored(at, length);
    }

    @Override
    public final void readTo(long offset, long nativeAddress, long lengthBytes) {
        throw new UnsupportedOperationException("native memory");
    }

    @Override
    public final void writeFrom(long offset, long nativeAddress, long lengthBytes) {
        throw new UnsupportedOperationException("native memory");
    }

    @Override
    public final void copy(long fromOffset, long toOffset, long lengthBytes) {
        int from = check(fromOffset, lengthBytes);
        int to = begin(toOffset, lengthBytes);
        System.arraycopy(bytes, from, bytes, to, (int) lengthBytes);
        stored(to, (int) lengthBytes);
    }

    @Override
    public final void zero(long offset, long lengthBytes) {
        int at = begin(offset, lengthBytes);
        Arrays.fill(bytes, at, at + (int) lengthBytes, (byte) 0);
        stored(at, (int) lengthBytes);
    }

    @Override
    public void flush(long offset, long lengthBytes) {
        check(offset, lengthBytes);
    }

    @Override
    public void drain() {
        // nothing waits
    }

    @Override
    public final void punch(long offset, long lengthBytes) {
        zero(offset, lengthBytes);
    }

    @Override
    public final void close() {
        // an array needs no release
    }
}
