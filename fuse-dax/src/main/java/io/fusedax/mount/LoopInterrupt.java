package io.fusedax.mount;

import com.kenai.jffi.Library;

/**
 * Wakes threads that wait in the kernel for a request, by a signal: their read(2) fails with EINTR.
 *
 * <p>Nothing else does that reliably. Unmounting ends the waiting only when no other mount
 * namespace holds the mount, and closing the device does nothing while somebody reads from it.
 */
final class LoopInterrupt {
    /** A real-time signal that neither the JVM nor the C library uses. */
    private static final int SIGNAL = 34 + 7;

    // struct sigaction of glibc on 64-bit machines: handler, 128 bytes of mask, flags, restorer
    private static final int SIGACTION_SIZE_BYTES = 152;

    private LoopInterrupt() {}

    /** Gives the signal a handler that does nothing; without one it would end the process. */
    static void install() {
        long action = Memory.allocate(SIGACTION_SIZE_BYTES); // no flags: calls are not restarted
        try {
            // int abs(int) will do: it takes an int and changes nothing.
            Memory.putLong(action, Library.getDefault().getSymbolAddress("abs"));
            if (Libc.load().sigaction(SIGNAL, action, 0) != 0) {
                throw new IllegalStateException("sigaction errno=" + Libc.errno());
            }
        } finally {
            Memory.free(action);
        }
    }

    /** Signals a thread that has not ended. */
    static void interrupt(long pthread) {
        Libc.load().pthread_kill(pthread, SIGNAL);
    }
}
