package io.fusedax.tests.powercut;

import io.fusedax.backing.FsException;
import java.time.Duration;

/** A campaign of {@link Corruptions}, with a watch over it. */
final class CorruptionRun {
    private static final int MOST_VIOLATIONS = 10;

    private CorruptionRun() {}

    /**
     * Tries so many; prints what is wrong and totals.
     *
     * @return exit status
     */
    static int run(long seed, long count) throws FsException {
        Corruptions corruptions = new Corruptions();
        Thread watch = new Thread(() -> watch(corruptions), "watch");
        watch.setDaemon(true);
        watch.start();
        System.out.println("seed " + seed);
        long start = System.nanoTime();
        int violations = 0;
        for (long i = 0; i < count && violations < MOST_VIOLATIONS; i++) {
            try {
                corruptions.tryOne(seed + i);
            } catch (Violation e) {
                violations++;
                System.out.println(
                        "VIOLATION "
                                + e.getMessage()
                                + "\n  replay: tests/crash --corruptions 1 --seed "
                                + (seed + i));
            }
        }
        System.out.printf(
                "%d refused by mount, %d repaired, %.0f a second%n",
                corruptions.refused(),
                corruptions.repaired(),
                corruptions.tried() / ((System.nanoTime() - start) / 1e9));
        System.out.printf("%d corruptions tried, %d violations%n", corruptions.tried(), violations);
        return violations == 0 ? 0 : 1;
    }

    /** Ends the process when something hangs: no exception could. */
    private static void watch(Corruptions corruptions) {
        try {
            while (true) {
                Thread.sleep(Duration.ofSeconds(1).toMillis());
                String hanging = corruptions.hanging();
                if (hanging != null) {
                    System.out.println("VIOLATION hangs: " + hanging);
                    Runtime.getRuntime().halt(1);
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
