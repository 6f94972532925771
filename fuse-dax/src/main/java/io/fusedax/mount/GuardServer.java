package io.fusedax.mount;

import io.fusedax.backing.FsException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The userfaultfds that programs have given the daemon, each with a thread of its own: a {@link
 * Guard} waits for other programs, and for what its own does with its memory.
 */
final class GuardServer implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(GuardServer.class);

    /** The first stores of further programs come by FAULT. */
    private static final int MAX_GUARDS = 128;

    /** A program may keep a thread of the daemon from ending, but not the daemon. */
    private static final long END_MILLIS = 1_000;

    private final DirectMappings mappings;
    private final ErrorMapper errors;
    private final List<Guard> guards = new ArrayList<>(); // guarded by this
    private boolean closed; // guarded by this

    GuardServer(DirectMappings mappings, ErrorMapper errors) {
        this.mappings = mappings;
        this.errors = errors;
    }

    /**
     * Takes a program's userfaultfd.
     *
     * @param fd this object's from now on
     * @return false if it is none, or there are too many; it stays the caller's
     */
    synchronized boolean add(DirectClient client, int fd) throws FsException {
        guards.removeIf(guard -> !guard.isAlive());
        if (closed || guards.size() >= MAX_GUARDS || !isUserfault(fd)) {
            return false;
        }
        Guard guard = new Guard(client, fd, mappings, errors);
        guards.add(guard);
        client.guarded = true;
        guard.start();
        return true;
    }

    private static boolean isUserfault(int fd) {
        try {
            String target = Files.readSymbolicLink(Path.of("/proc/self/fd/" + fd)).toString();
            return target.equals("anon_inode:[userfaultfd]");
        } catch (IOException e) {
            return false;
        }
    }

    /** The program has gone. */
    synchronized void remove(DirectClient client) {
        for (Guard guard : guards) {
            if (guard.client == client) {
                guard.end();
            }
        }
    }

    /** Ends the threads. Does nothing the second time. */
    @Override
    public void close() {
        List<Guard> ending;
        synchronized (this) {
            closed = true;
            ending = List.copyOf(guards);
            guards.clear();
        }
        ending.forEach(Guard::end);
        for (Guard guard : ending) {
            WakeUp.join(guard, END_MILLIS);
            if (guard.isAlive()) {
                LOG.warn("guard_does_not_end thread={}", guard.getName());
            }
        }
    }
}
