package io.fusedax.tests.support;

import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/** Waits on a condition with a deadline: the only place in these tests where time passes idly. */
public final class Await {
    private static final long POLL_NANOS = 2_000_000;

    private Await() {}

    /** Fails when {@code condition} has not become true in time. */
    public static void until(String what, Duration deadline, BooleanSupplier condition) {
        if (!becomesTrue(deadline, condition)) {
            throw new AssertionError("not in " + deadline + ": " + what);
        }
    }

    /** Whether {@code condition} became true before the deadline. */
    public static boolean becomesTrue(Duration deadline, BooleanSupplier condition) {
        long end = System.nanoTime() + deadline.toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - end > 0) {
                return condition.getAsBoolean();
            }
            LockSupport.parkNanos(POLL_NANOS);
        }
        return true;
    }

    /** Lets a load run for a while: the condition is the clock itself. */
    public static void forLoad(Duration duration) {
        long end = System.nanoTime() + duration.toNanos();
        for (long left = duration.toNanos(); left > 0; left = end - System.nanoTime()) {
            LockSupport.parkNanos(left);
        }
    }
}
