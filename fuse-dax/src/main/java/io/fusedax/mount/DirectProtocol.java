package io.fusedax.mount;

/**
 * The messages between a mount and the programs that map its files directly, one for each packet of
 * a connection. The calls on open files that go with them are in {@link ControlProtocol}; how they
 * belong together is told in fusedax-protocol.h, whose structures these are.
 */
final class DirectProtocol {
    static final int TYPE = 0; // u32, first of every message

    static final int TYPE_HELLO = 1;
    static final int TYPE_WELCOME = 2;
    static final int TYPE_REGION = 3;
    static final int TYPE_GRANT = 4;
    static final int TYPE_REVOKE = 5;
    static final int TYPE_ACK = 6;
    static final int TYPE_GUARD = 7;

    /** Longer than any message. */
    static final int MAX_BYTES = 64;

    private DirectProtocol() {}

    /** The abstract name of a mount's socket, without its leading NUL. */
    static String socketName(long session) {
        return String.format(java.util.Locale.ROOT, "fuse-dax/%016x", session);
    }

    /** Program, first on a connection that stays. */
    static final class Hello {
        static final int VERSION = TYPE + Integer.BYTES; // u32
        static final int SIZE_BYTES = VERSION + Integer.BYTES;

        private Hello() {}
    }

    /** Daemon, answer to {@link Hello}. */
    static final class Welcome {
        static final int VERSION = TYPE + Integer.BYTES; // u32
        static final int STATUS = VERSION + Integer.BYTES; // u32, errno
        static final int COOKIE = STATUS + 2 * Integer.BYTES; // u64
        static final int SIZE_BYTES = COOKIE + Long.BYTES;

        private Welcome() {}
    }

    /** Program, first and only on a short connection. */
    static final class Region {
        static final int VERSION = TYPE + Integer.BYTES; // u32
        static final int COOKIE = VERSION + Integer.BYTES; // u64
        static final int WRITABLE = COOKIE + Long.BYTES; // u32
        static final int SIZE_BYTES = WRITABLE + 2 * Integer.BYTES;

        private Region() {}
    }

    /** Daemon, answer to {@link Region}, with the descriptor, and to {@link Guard}, without. */
    static final class Grant {
        static final int STATUS = TYPE + Integer.BYTES; // u32, errno
        static final int REGION_BYTES = STATUS + Integer.BYTES; // u64
        static final int SIZE_BYTES = REGION_BYTES + Long.BYTES;

        private Grant() {}
    }

    /** Program, first and only on a short connection, with a userfaultfd. */
    static final class Guard {
        static final int VERSION = TYPE + Integer.BYTES; // u32
        static final int COOKIE = VERSION + Integer.BYTES; // u64
        static final int SIZE_BYTES = COOKIE + Long.BYTES;

        private Guard() {}
    }

    /** Daemon: give back a range of a file. */
    static final class Revoke {
        static final int SERIAL = TYPE + Integer.BYTES; // u32
        static final int FILE = SERIAL + Integer.BYTES; // u64
        static final int FROM = FILE + Long.BYTES; // u64
        static final int TO = FROM + Long.BYTES; // u64
        static final int GENERATION = TO + Long.BYTES; // u64
        static final int SIZE_BYTES = GENERATION + Long.BYTES;

        private Revoke() {}
    }

    /** Program, answer to {@link Revoke}. */
    static final class Ack {
        static final int SERIAL = TYPE + Integer.BYTES; // u32
        static final int SIZE_BYTES = SERIAL + Integer.BYTES;

        private Ack() {}
    }
}
