package io.fusedax.mount;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** One range of one file on its way back from the programs that map it. */
final class Revocation {
    private final List<DirectClient> waitingFor = new ArrayList<>(2); // guarded by this

    synchronized void expect(DirectClient client) {
        waitingFor.add(client);
    }

    synchronized void answered(DirectClient client) {
        waitingFor.remove(client);
        if (waitingFor.isEmpty()) {
            notifyAll();
        }
    }

    /**
     * Waits until all have answered.
     *
     * @return those that have not in time
     */
    synchronized List<DirectClient> await(long timeoutNanos) {
        long deadline = System.nanoTime() + timeoutNanos;
        boolean interrupted = false;
        while (!waitingFor.isEmpty()) {
            long left = deadline - System.nanoTime();
            if (left <= 0) {
                break;
            }
            try {
                TimeUnit.NANOSECONDS.timedWait(this, left);
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        return List.copyOf(waitingFor);
    }
}
