package io.fusedax.backing.journal;

import java.util.Arrays;

/** The content of every line that one operation changed, as it was before. */
final class UndoLog {
    private static final int KEPT_LINES = 1024;

    private MetaBuffer[] buffers = new MetaBuffer[16];
    private int[] offsets = new int[16];
    private byte[] lines = new byte[16 << MetaBuffer.LINE_SHIFT];
    private int size;

    void save(MetaBuffer buffer, int line) {
        if (size == buffers.length) {
            buffers = Arrays.copyOf(buffers, 2 * size);
            offsets = Arrays.copyOf(offsets, 2 * size);
            lines = Arrays.copyOf(lines, 2 * lines.length);
        }
        int offset = line << MetaBuffer.LINE_SHIFT;
        buffers[size] = buffer;
        offsets[size] = offset;
        System.arraycopy(
                buffer.bytes, offset, lines, size << MetaBuffer.LINE_SHIFT, MetaBuffer.LINE_BYTES);
        size++;
    }

    void restore() {
        for (int i = size - 1; i >= 0; i--) {
            System.arraycopy(
                    lines,
                    i << MetaBuffer.LINE_SHIFT,
                    buffers[i].bytes,
                    offsets[i],
                    MetaBuffer.LINE_BYTES);
        }
    }

    void clear() {
        if (size > KEPT_LINES) {
            buffers = new MetaBuffer[16];
            offsets = new int[16];
            lines = new byte[16 << MetaBuffer.LINE_SHIFT];
        } else {
            Arrays.fill(buffers, 0, size, null);
        }
        size = 0;
    }
}
