package io.fusedax.tests.bench;

import java.util.ArrayList;
import java.util.List;

/**
 * Times workloads in turn, A B C D, B C D A, ..., so that noise of the machine falls on all alike.
 */
final class Sampler {
    private static final long SAMPLE_NANOS = 6_000_000;

    private final int rounds;
    private final long warmUpNanos;

    Sampler(int rounds, long warmUpMillis) {
        this.rounds = rounds;
        this.warmUpNanos = warmUpMillis * 1_000_000;
    }

    /** Measures each workload; result i belongs to workload i. */
    List<Samples> measure(List<Workload> workloads) {
        double slowestNanos = 0;
        for (Workload workload : workloads) {
            slowestNanos = Math.max(slowestNanos, warmUp(workload));
        }
        int calls = (int) Math.max(4, Math.min(1_000, SAMPLE_NANOS / slowestNanos));
        List<double[]> micros = new ArrayList<>();
        workloads.forEach(workload -> micros.add(new double[rounds]));
        for (int round = 0; round < rounds; round++) {
            for (int turn = 0; turn < workloads.size(); turn++) {
                int index = (round + turn) % workloads.size();
                micros.get(index)[round] = time(workloads.get(index), calls) / (calls * 1_000.0);
            }
        }
        return micros.stream().map(Samples::new).toList();
    }

    /** Has daemons see a workload often enough for their compilers, measuring nothing. */
    void warmUp(List<Workload> workloads) {
        workloads.forEach(this::warmUp);
    }

    /** Runs for the warm-up time and returns nanoseconds per call of its second half. */
    private double warmUp(Workload workload) {
        int batch = 4;
        long spent = 0;
        double perCall = 0;
        while (spent < warmUpNanos) {
            long elapsed = time(workload, batch);
            spent += elapsed;
            perCall = (double) elapsed / batch;
            batch = elapsed < SAMPLE_NANOS / 2 ? batch * 2 : batch;
        }
        return perCall;
    }

    private static long time(Workload workload, int calls) {
        workload.reset();
        long start = System.nanoTime();
        workload.run(calls);
        return System.nanoTime() - start;
    }
}
