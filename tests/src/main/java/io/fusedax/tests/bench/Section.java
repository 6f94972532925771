package io.fusedax.tests.bench;

import java.io.IOException;

/** One part of the run, mounting what it needs and leaving nothing mounted. */
@FunctionalInterface
interface Section {
    void run() throws IOException, InterruptedException;
}
