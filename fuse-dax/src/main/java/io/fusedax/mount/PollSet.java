package io.fusedax.mount;

/** The descriptors of a poll(2) for input. */
final class PollSet {
    private static final short POLLIN = 1;

    // struct pollfd: fd, events, revents
    private static final int EVENTS = Integer.BYTES;
    private static final int REVENTS = EVENTS + Short.BYTES;
    private static final int SIZE_BYTES = 2 * Integer.BYTES;

    private final Libc libc = Libc.load();
    private long entries;
    private int room;
    private int count;

    /** Forgets the descriptors and makes room for others. */
    void reset(int size) {
        if (size > room) {
            Memory.free(entries);
            room = 2 * size;
            entries = Memory.allocate((long) room * SIZE_BYTES);
        }
        count = 0;
    }

    void add(int fd) {
        long entry = entries + (long) count++ * SIZE_BYTES;
        Memory.putInt(entry, fd);
        Memory.putShort(entry + EVENTS, POLLIN);
        Memory.putShort(entry + REVENTS, (short) 0);
    }

    /** Waits for input; false when there is none after all. */
    boolean await() {
        return libc.poll(entries, count, -1) > 0;
    }

    /** Whether there is something about the descriptor added at an index, the end included. */
    boolean isReady(int index) {
        return Memory.getInt(entries + (long) index * SIZE_BYTES + EVENTS) >>> Short.SIZE != 0;
    }

    void free() {
        Memory.free(entries);
        entries = 0;
        room = 0;
    }
}
