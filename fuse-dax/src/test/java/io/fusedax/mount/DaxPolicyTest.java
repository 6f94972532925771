package io.fusedax.mount;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.volume.InodeFlags;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class DaxPolicyTest {
    private static final int DAX = InodeFlags.DAX;

    private final DaxPolicy policy = new DaxPolicy(DaxMode.INODE, 1);

    @Test
    void theMountDecidesForAll() {
        DaxPolicy always = new DaxPolicy(DaxMode.ALWAYS, 1);
        assertTrue(always.opened(7, 0));
        assertTrue(always.isDax(7));
        DaxPolicy never = new DaxPolicy(DaxMode.NEVER, 1);
        assertFalse(never.opened(7, DAX));
        assertFalse(never.isDax(7));
    }

    @Test
    void aChangedFlagActsAfterTheLastClose() {
        assertFalse(policy.opened(7, 0));
        assertFalse(policy.opened(7, DAX));
        policy.closed(7);
        assertFalse(policy.isDax(7));
        policy.closed(7);
        assertTrue(policy.opened(7, DAX));
        assertTrue(policy.isDax(7));
        assertTrue(policy.opened(7, 0));
    }

    @Test
    void aCloseThatComesLateIsWaitedFor() throws Exception {
        DaxPolicy patient = new DaxPolicy(DaxMode.INODE, TimeUnit.SECONDS.toNanos(60));
        patient.opened(7, 0);
        CompletableFuture<Boolean> open =
                CompletableFuture.supplyAsync(() -> patient.opened(7, DAX));
        patient.closed(7);
        assertTrue(open.get(10, TimeUnit.SECONDS));
    }
}
