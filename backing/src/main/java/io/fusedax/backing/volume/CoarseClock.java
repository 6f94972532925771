package io.fusedax.backing.volume;

import java.time.Instant;
import java.time.InstantSource;

/**
 * The system's time in whole milliseconds, finer than the jiffies that kernels stamp files with. An
 * instant serves all who ask within its millisecond, so that a write allocates none.
 */
final class CoarseClock implements InstantSource {
    private volatile Instant last = Instant.EPOCH;

    @Override
    public Instant instant() {
        long now = System.currentTimeMillis();
        Instant known = last;
        if (known.toEpochMilli() == now) {
            return known;
        }
        Instant fresh = Instant.ofEpochMilli(now);
        last = fresh;
        return fresh;
    }
}
