package io.fusedax.backing.format;

import java.util.Random;

/** Where random tests get their seed: {@code -Dseed=N}, else the clock. It is always printed. */
public final class Seed {
    private Seed() {}

    /** The seed of a run, printed beside the name of the test. */
    public static long printed(String test) {
        long seed = Long.getLong("seed", System.nanoTime());
        System.out.println(test + ": -Dseed=" + seed);
        return seed;
    }

    public static Random random(String test) {
        return new Random(printed(test));
    }
}
