package io.fusedax.backing.region;

import java.lang.invoke.VarHandle;

/**
 * For memory that outlives the daemon: a store is as durable as it will get once it has left the
 * processor.
 *
 * <p>The pages are the page cache itself, coherent for every process, so writing a cache line back
 * (CLWB) would change nothing; what is left of CLWB and SFENCE is the fence.
 */
final class CpuPersistence implements Persistence {
    @Override
    public void flush(long offset, long lengthBytes) {
        // Nothing: see the class comment.
    }

    @Override
    public void drain() {
        VarHandle.fullFence();
    }

    @Override
    public FlushMechanism mechanism() {
        return FlushMechanism.FENCE;
    }
}
