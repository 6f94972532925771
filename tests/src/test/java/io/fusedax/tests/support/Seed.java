package io.fusedax.tests.support;

import java.util.Random;

/** Where random tests get their seed: {@code -Dseed=N}, else the clock. It is always printed. */
public final class Seed {
    private Seed() {}

    /** A generator whose seed is printed beside the name of the test. */
    public static long printed(String test) {
        Long given = Long.getLong("seed");
        long seed = given != null ? given : System.nanoTime();
        System.out.println(test + ": -Dseed=" + seed);
        return seed;
    }

    public static Random random(String test) {
        return new Random(printed(test));
    }
}
