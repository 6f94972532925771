package io.fusedax.tests.bench;

import java.util.Arrays;

/** Microseconds per call, one value per sample, in the order measured. */
final class Samples {
    private final double[] micros;

    Samples(double[] micros) {
        this.micros = micros;
    }

    double median() {
        return quantile(micros, 0.5);
    }

    double tenthPercentile() {
        return quantile(micros, 0.1);
    }

    /**
     * Median of the ratios of samples taken in the same round: slow phases of the machine cancel
     * out.
     */
    double pairedRatio(Samples other) {
        double[] ratios = new double[micros.length];
        Arrays.setAll(ratios, i -> micros[i] / other.micros[i]);
        return quantile(ratios, 0.5);
    }

    static double quantile(double[] values, double q) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        double position = q * (sorted.length - 1);
        int below = (int) position;
        int above = Math.min(below + 1, sorted.length - 1);
        return sorted[below] + (sorted[above] - sorted[below]) * (position - below);
    }
}
