package io.fusedax.mount;

import jnr.ffi.annotations.Delegate;

/**
 * C callbacks with addresses and integers as plain longs, so that jnr-ffi makes no objects for
 * them. Of an argument that is shorter in C only the low bits count: cast it.
 *
 * <p>Public only because jnr-ffi can call no other.
 */
public final class Callback {
    private Callback() {}

    /** One argument. */
    public interface One {
        @Delegate
        int call(long first);
    }

    /** Two arguments. */
    public interface Two {
        @Delegate
        int call(long first, long second);
    }

    /** Three arguments. */
    public interface Three {
        @Delegate
        int call(long first, long second, long third);
    }

    /** Four arguments. */
    public interface Four {
        @Delegate
        int call(long first, long second, long third, long fourth);
    }

    /** Five arguments. */
    public interface Five {
        @Delegate
        int call(long first, long second, long third, long fourth, long fifth);
    }
}
