package io.fusedax.backing.journal;

import java.util.Arrays;
import java.util.function.Predicate;

/**
 * Second-chance replacement: bounds how many entries a cache keeps. When every entry must stay it
 * grows, by what one journal can hold dirty at most.
 */
public final class Clock<E> {
    private final Predicate<E> tryEvict;
    private Object[] entries;
    private int hand;

    /**
     * @param capacity entries to keep
     * @param tryEvict drops the entry from its cache and answers true, or answers false and takes
     *     away its second chance
     */
    public Clock(int capacity, Predicate<E> tryEvict) {
        this.entries = new Object[capacity];
        this.tryEvict = tryEvict;
    }

    /** Takes an entry in, for another one if there is no room. */
    @SuppressWarnings("unchecked")
    public synchronized void add(E entry) {
        for (int steps = 2 * entries.length; steps > 0; steps--) {
            int slot = hand;
            hand = hand + 1 == entries.length ? 0 : hand + 1;
            if (entries[slot] == null || tryEvict.test((E) entries[slot])) {
                entries[slot] = entry;
                return;
            }
        }
        int slot = entries.length;
        entries = Arrays.copyOf(entries, slot + slot / 2);
        entries[slot] = entry;
    }
}
