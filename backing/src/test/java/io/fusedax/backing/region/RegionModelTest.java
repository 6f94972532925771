package io.fusedax.backing.region;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Random;
import jnr.ffi.Memory;
import jnr.ffi.Pointer;
import jnr.ffi.Runtime;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Random accesses give what plain arrays give, also around 2 GiB, 4 GiB and the end. */
class RegionModelTest {
    private static final long GIB = 1L << 30;
    private static final long SIZE_BYTES = 5 * GIB + 3 * 4096;
    private static final int WINDOW_BYTES = 64 << 10;
    private static final long[] WINDOW_OFFSETS = {
        0, 2 * GIB - WINDOW_BYTES / 2, 4 * GIB - WINDOW_BYTES / 2, SIZE_BYTES - WINDOW_BYTES
    };
    private static final int STEPS = 20_000;

    private final byte[][] models = new byte[WINDOW_OFFSETS.length][WINDOW_BYTES];
    private final Pointer buffer = Memory.allocateDirect(Runtime.getSystemRuntime(), WINDOW_BYTES);
    private Random random;
    private Region region;

    @ParameterizedTest
    @MethodSource("io.fusedax.backing.region.TestRegions#kinds")
    void anyAccessDoesWhatArraysDo(RegionKind kind) throws Exception {
        random = Seed.random("RegionModelTest " + kind);
        try (Region opened = TestRegions.create(kind, SIZE_BYTES)) {
            region = opened;
            for (int i = 0; i < STEPS; i++) {
                step();
            }
            for (int window = 0; window < models.length; window++) {
                byte[] all = new byte[WINDOW_BYTES];
                region.read(WINDOW_OFFSETS[window], all, 0, WINDOW_BYTES);
                assertArrayEquals(models[window], all, "window " + window);
            }
        }
    }

    private void step() {
        int window = random.nextInt(models.length);
        int length = random.nextInt(4) == 0 ? random.nextInt(WINDOW_BYTES) : random.nextInt(200);
        int at = random.nextInt(WINDOW_BYTES - length + 1);
        switch (random.nextInt(9)) {
            case 0 -> readAndWriteNumbers(window);
            case 1 -> write(window, at, length);
            case 2 -> read(window, at, length);
            case 3 -> writeFrom(window, at, length);
            case 4 -> readTo(window, at, length);
            case 5 -> copy(window, at, random.nextInt(models.length), length);
            case 6 -> copy(window, at, window, length);
            case 7 -> zero(window, at, length);
            default -> {
                region.flush(WINDOW_OFFSETS[window] + at, length);
                if (random.nextInt(50) == 0) {
                    region.drain();
                }
            }
        }
    }

    private void readAndWriteNumbers(int window) {
        int at = random.nextInt(WINDOW_BYTES - Long.BYTES + 1);
        long offset = WINDOW_OFFSETS[window] + at;
        ByteBuffer model = ByteBuffer.wrap(models[window]).order(ByteOrder.LITTLE_ENDIAN);
        assertEquals(model.getLong(at), region.getLong(offset));
        assertEquals(model.getInt(at), region.getInt(offset));
        if (random.nextBoolean()) {
            long value = random.nextLong();
            model.putLong(at, value);
            region.putLong(offset, value);
        } else {
            int value = random.nextInt();
            model.putInt(at, value);
            region.putInt(offset, value);
        }
    }

    private void write(int window, int at, int length) {
        byte[] src = bytes(length + 5);
        System.arraycopy(src, 3, models[window], at, length);
        region.write(WINDOW_OFFSETS[window] + at, src, 3, length);
    }

    private void read(int window, int at, int length) {
        byte[] dst = bytes(length + 5);
        byte[] expected = dst.clone();
        System.arraycopy(models[window], at, expected, 3, length);
        region.read(WINDOW_OFFSETS[window] + at, dst, 3, length);
        assertArrayEquals(expected, dst);
    }

    private void writeFrom(int window, int at, int length) {
        byte[] src = bytes(length);
        buffer.put(0, src, 0, length);
        System.arraycopy(src, 0, models[window], at, length);
        region.writeFrom(WINDOW_OFFSETS[window] + at, buffer.address(), length);
    }

    private void readTo(int window, int at, int length) {
        region.readTo(WINDOW_OFFSETS[window] + at, buffer.address(), length);
        byte[] dst = new byte[length];
        buffer.get(0, dst, 0, length);
        assertArrayEquals(Arrays.copyOfRange(models[window], at, at + length), dst);
    }

    private void copy(int from, int fromAt, int to, int length) {
        int toAt = random.nextInt(WINDOW_BYTES - length + 1);
        System.arraycopy(models[from], fromAt, models[to], toAt, length);
        region.copy(WINDOW_OFFSETS[from] + fromAt, WINDOW_OFFSETS[to] + toAt, length);
    }

    private void zero(int window, int at, int length) {
        Arrays.fill(models[window], at, at + length, (byte) 0);
        region.zero(WINDOW_OFFSETS[window] + at, length);
    }

    private byte[] bytes(int length) {
        byte[] bytes = new byte[length];
        random.nextBytes(bytes);
        return bytes;
    }
}
