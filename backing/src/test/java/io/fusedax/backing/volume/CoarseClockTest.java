package io.fusedax.backing.volume;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import org.junit.jupiter.api.Test;

class CoarseClockTest {
    @Test
    void itGoesWithTheSystemsClockInWholeMilliseconds() {
        CoarseClock clock = new CoarseClock();
        for (int i = 0; i < 1000; i++) {
            long before = System.currentTimeMillis();
            Instant now = clock.instant();
            long after = System.currentTimeMillis();
            assertTrue(before <= now.toEpochMilli() && now.toEpochMilli() <= after, now::toString);
            assertEquals(now.truncatedTo(ChronoUnit.MILLIS), now);
            assertFalse(clock.instant().isBefore(now));
        }
    }
}
