package io.fusedax.backing.region;

import java.util.Random;

/** Randomness that a failed run can be repeated with: {@code -Dfusedax.seed=N}. */
final class Seed {
    private Seed() {}

    static Random random(String what) {
        long seed = Long.getLong("fusedax.seed", System.nanoTime());
        System.out.println(what + ": -Dfusedax.seed=" + seed);
        return new Random(seed);
    }
}
