package io.fusedax.mount;

import io.fusedax.backing.volume.Volume;
import java.util.HashSet;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Programs that were given up, since they did not give access back. Safe for any thread.
 *
 * <p>Invariant: while such a program lives, no block that was freed is used again, as it may still
 * store there.
 */
final class Fences {
    private static final Logger LOG = LoggerFactory.getLogger(Fences.class);

    private final Volume volume;
    private final Set<DirectClient> fenced = new HashSet<>(); // guarded by this

    Fences(Volume volume) {
        this.volume = volume;
    }

    /**
     * Gives a program up: its faults fail from now on.
     *
     * @return false if it had been before, or has gone
     */
    boolean fence(DirectClient client, String reason) {
        synchronized (this) {
            if (!client.fence()) {
                return false;
            }
            fenced.add(client);
            volume.holdFreedBlocks(true);
        }
        client.giveUp();
        LOG.warn(
                "client_fenced reason=\"{}\": its faults fail, and freed blocks are kept until it"
                        + " ends",
                reason);
        return true;
    }

    /** A program has ended. */
    synchronized void ended(DirectClient client) {
        if (fenced.remove(client) && fenced.isEmpty()) {
            volume.holdFreedBlocks(false);
        }
    }
}
