package io.fusedax.mount;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * A program's connection: where revocations go and their answers come from.
 *
 * <p>Invariant: the socket is closed under this object's monitor, and used under it or by the one
 * thread that closes it, so that nothing is ever sent to a descriptor of somebody else.
 */
final class DirectClient {
    private static final int MSG_DONTWAIT = 0x40;
    private static final int MSG_NOSIGNAL = 0x4000;
    private static final int SHUT_WR = 1;
    private static final int EPIPE = 32;
    private static final int ECONNRESET = 104;

    /** The connection's socket; the {@link ClientServer}'s to close. */
    final int fd;

    /** Names this connection in ioctls; random. */
    final long cookie;

    /** The program has shown that it may store into a file: it may have the region writable. */
    volatile boolean mayStore;

    /** Did not answer in time: gets no answers any more, and its blocks are not used again. */
    volatile boolean fenced;

    /** Has given the daemon a userfaultfd. */
    volatile boolean guarded;

    /** What it has guarded with that; used under its own lock. */
    final GuardedAreas areas = new GuardedAreas();

    private final Libc libc = Libc.load();
    private final long message = Memory.allocate(DirectProtocol.MAX_BYTES);
    private final Map<Integer, Revocation> pending = new HashMap<>(); // guarded by this
    private final Set<MappedFile> files = new HashSet<>(); // guarded by this
    private int lastSerial; // guarded by this
    private boolean closed; // guarded by this

    DirectClient(int fd, long cookie) {
        this.fd = fd;
        this.cookie = cookie;
    }

    /**
     * Asks for a range back; the answer ends this client's part of the revocation.
     *
     * @return false if that could not be sent: the client is to be fenced
     */
    synchronized boolean revoke(
            Revocation revocation, long file, long from, long to, long generation) {
        if (closed || fenced) {
            return true; // holds nothing, or what it holds is kept from use
        }
        int serial = ++lastSerial;
        Memory.putInt(message + DirectProtocol.TYPE, DirectProtocol.TYPE_REVOKE);
        Memory.putInt(message + DirectProtocol.Revoke.SERIAL, serial);
        Memory.putLong(message + DirectProtocol.Revoke.FILE, file);
        Memory.putLong(message + DirectProtocol.Revoke.FROM, from);
        Memory.putLong(message + DirectProtocol.Revoke.TO, to == Long.MAX_VALUE ? -1 : to);
        Memory.putLong(message + DirectProtocol.Revoke.GENERATION, generation);
        revocation.expect(this);
        pending.put(serial, revocation);
        long sent =
                libc.send(
                        fd, message, DirectProtocol.Revoke.SIZE_BYTES, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && hasEnded(Libc.errno())) {
            acknowledged(serial);
            return true;
        }
        return sent == DirectProtocol.Revoke.SIZE_BYTES;
    }

    /**
     * Whether a send failed because the program's end of the connection is closed: the kernel does
     * that after its memory has gone, and the library after it took all access away.
     */
    private static boolean hasEnded(int errno) {
        return errno == EPIPE || errno == ECONNRESET;
    }

    synchronized void acknowledged(int serial) {
        Revocation revocation = pending.remove(serial);
        if (revocation != null) {
            revocation.answered(this);
        }
    }

    /**
     * Gives the client up: it hears the end of the connection, and says nothing that matters.
     *
     * @return false if it had been before, or has gone
     */
    synchronized boolean fence() {
        if (closed || fenced) {
            return false;
        }
        fenced = true;
        libc.shutdown(fd, SHUT_WR);
        return true;
    }

    /** Lets everybody who waits for this client go on. */
    synchronized void giveUp() {
        pending.values().forEach(revocation -> revocation.answered(this));
        pending.clear();
    }

    /**
     * Takes note of a file that the client may have mappings of.
     *
     * @return false when the connection has ended
     */
    synchronized boolean use(MappedFile file) {
        if (closed || fenced) {
            return false;
        }
        files.add(file);
        return true;
    }

    synchronized void unuse(MappedFile file) {
        files.remove(file);
    }

    /** Closes the socket and says which files the client used. */
    synchronized Set<MappedFile> close() {
        if (!closed) {
            closed = true;
            libc.close(fd);
            Memory.free(message);
        }
        Set<MappedFile> used = Set.copyOf(files);
        files.clear();
        return used;
    }
}
