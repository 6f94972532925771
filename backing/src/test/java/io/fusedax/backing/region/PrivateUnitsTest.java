package io.fusedax.backing.region;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

/** On a memfd; read-only devices use it. */
class PrivateUnitsTest {
    private static final int UNIT = 64 << 10;
    private static final int SIZE = 3 * UNIT + 4096;

    @Test
    void storesStayPrivateAndTheRestIsTheDevices() throws Exception {
        try (Descriptor device = Descriptor.memfd("units")) {
            device.truncate(SIZE);
            Mapping shared = Mapping.map(device, SIZE, 4096, Mapping.Sharing.SHARED);
            Mapping mapping = Mapping.map(device, SIZE, 4096, Mapping.Sharing.READ);
            for (int at = 0; at < SIZE; at += 8) {
                NativeMemory.putLong(shared.address() + at, at);
            }
            PrivateUnits units = new PrivateUnits("units", mapping, SIZE, UNIT);
            units.make(0, 0);
            long mine = mapping.address();
            NativeMemory.putLong(shared.address(), 1);
            assertEquals(1, NativeMemory.getLong(mine)); // not copied yet

            units.make(UNIT - 8, 16); // two units
            units.make(3L * UNIT + 8, 8); // the last, which is short
            for (int at : new int[] {0, UNIT - 8, UNIT, 3 * UNIT + 8}) {
                NativeMemory.putLong(mine + at, -1);
            }
            for (int at = 0; at < SIZE; at += 8) {
                boolean changed = at == 0 || at == UNIT - 8 || at == UNIT || at == 3 * UNIT + 8;
                assertEquals(at == 0 ? 1 : at, NativeMemory.getLong(shared.address() + at));
                assertEquals(changed ? -1 : at, NativeMemory.getLong(mine + at));
            }
            units.make(UNIT, 8); // again: nothing is lost
            assertEquals(-1, NativeMemory.getLong(mine + UNIT));
            NativeMemory.putLong(shared.address() + 2 * UNIT, 7);
            assertEquals(7, NativeMemory.getLong(mine + 2 * UNIT));
            mapping.unmap();
            shared.unmap();
        }
    }
}
