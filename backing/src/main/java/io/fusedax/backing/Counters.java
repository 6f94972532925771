package io.fusedax.backing;

import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;

/**
 * The values of every {@link Counter} of one volume or one mount.
 *
 * <p>Safe for any number of threads; adding does not contend. Values start at zero and live in
 * memory only.
 */
public final class Counters {
    private final LongAdder[] values = new LongAdder[Counter.values().length];

    /** All counters at zero. */
    public Counters() {
        for (int i = 0; i < values.length; i++) {
            values[i] = new LongAdder();
        }
    }

    /**
     * Adds to a counter.
     *
     * @param amount in the counter's unit, not negative
     */
    public void add(Counter counter, long amount) {
        values[counter.ordinal()].add(amount);
    }

    /** Adds one to a counter. */
    public void increment(Counter counter) {
        values[counter.ordinal()].increment();
    }

    /** The counter's value now; additions running at the same time may or may not be in it. */
    public long get(Counter counter) {
        return values[counter.ordinal()].sum();
    }

    /**
     * Every counter in declaration order, zeros included. Each value is exact for some moment
     * during the call, but not all of them for the same one.
     *
     * @return a map of its own, which the caller may change
     */
    public Map<Counter, Long> snapshot() {
        Map<Counter, Long> snapshot = new EnumMap<>(Counter.class);
        for (Counter counter : Counter.values()) {
            snapshot.put(counter, get(counter));
        }
        return snapshot;
    }
}
