package io.fusedax.backing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class CountersTest {
    private final Counters counters = new Counters();

    @Test
    void startAtZeroAndAddUp() {
        assertEquals(0, counters.get(Counter.OP_READ));
        counters.increment(Counter.OP_READ);
        counters.add(Counter.OP_READ, 41);
        assertEquals(42, counters.get(Counter.OP_READ));
        assertEquals(0, counters.get(Counter.OP_WRITE));
    }

    @Test
    void snapshotHoldsEveryCounterInOrderAndDoesNotChange() {
        counters.add(Counter.BYTES_READ, 7);
        Map<Counter, Long> snapshot = counters.snapshot();
        counters.add(Counter.BYTES_READ, 1);
        assertEquals(List.of(Counter.values()), List.copyOf(snapshot.keySet()));
        assertEquals(7, snapshot.get(Counter.BYTES_READ));
        assertEquals(0, snapshot.get(Counter.BYTES_WRITTEN));
    }

    @Test
    void noIncrementIsLostBetweenThreads() throws InterruptedException {
        List<Thread> threads = List.of(incrementer(), incrementer(), incrementer());
        threads.forEach(Thread::start);
        for (Thread thread : threads) {
            thread.join();
        }
        assertEquals(30_000, counters.get(Counter.OP_LOOKUP));
    }

    @Test
    void everyCounterIsDescribedAndItsKeyUnique() {
        Set<String> keys =
                Arrays.stream(Counter.values()).map(Counter::key).collect(Collectors.toSet());
        assertEquals(Counter.values().length, keys.size());
        for (Counter counter : Counter.values()) {
            assertTrue(counter.key().matches("[a-z]+(_[a-z]+)*"), counter.key());
            assertTrue(
                    Set.of("count", "bytes", "nanoseconds").contains(counter.unit()),
                    counter.key());
            assertFalse(counter.help().isBlank(), counter.key());
        }
    }

    private Thread incrementer() {
        return new Thread(
                () -> {
                    for (int i = 0; i < 10_000; i++) {
                        counters.increment(Counter.OP_LOOKUP);
                    }
                });
    }
}
