package io.fusedax.mount;

import io.fusedax.backing.volume.Fault;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Hears from the kernel of first stores to pieces that programs have write-protected by
 * userfaultfd: does for each what a store's FAULT does, lifts the protection and wakes the thread.
 * One thread for all programs; fusedax-protocol.h tells the rules.
 *
 * <p>Invariants:
 *
 * <ul>
 *   <li>A client's areas are locked from the look at what lies at an address until the protection
 *       is lifted there. An answer that allows something else to be guarded there must lock them
 *       first, so it comes later.
 *   <li>Every event ends with its thread woken, unless the program is given up: then its own
 *       library does that.
 * </ul>
 *
 * Order of locks: a client's areas, then those of {@link DirectMappings}.
 */
final class GuardServer implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(GuardServer.class);
    private static final int SOCK_NONBLOCK = 04000;
    private static final int SOCK_CLOEXEC = 02000000;
    private static final long PAGE_BYTES = 4096;
    private static final int MAX_EVENTS = 16;

    // linux/userfaultfd.h
    private static final long UFFDIO_WRITEPROTECT = 0xC018AA06L;
    private static final long UFFDIO_WAKE = 0x8010AA02L;
    private static final int EVENT_PAGEFAULT = 0x12;

    // struct uffd_msg
    private static final int MESSAGE_ADDRESS = 16;
    private static final int MESSAGE_BYTES = 32;

    // struct uffdio_range, and struct uffdio_writeprotect, which starts with one
    private static final int RANGE_LENGTH = Long.BYTES;
    private static final int PROTECT_MODE = RANGE_LENGTH + Long.BYTES;
    private static final int PROTECT_BYTES = PROTECT_MODE + Long.BYTES;

    private final Libc libc = Libc.load();
    private final DirectMappings mappings;
    private final ErrorMapper errors;
    private final int wakeUp;
    private final Thread thread = new Thread(this::serve, "fuse-guards");
    private final List<Guard> guards = new ArrayList<>(); // guarded by itself
    private final PollSet polled = new PollSet();
    private final long messages = Memory.allocate((long) MAX_EVENTS * MESSAGE_BYTES);
    private final long range = Memory.allocate(PROTECT_BYTES);
    private final Fault fault = new Fault();
    private final DirectMappings.Answer answer = new DirectMappings.Answer();
    private volatile boolean closing;

    /** A program's userfaultfd; closed by the thread alone. */
    private static final class Guard {
        final DirectClient client;
        final int fd;
        volatile boolean ended;

        Guard(DirectClient client, int fd) {
            this.client = client;
            this.fd = fd;
        }
    }

    private GuardServer(DirectMappings mappings, ErrorMapper errors, int wakeUp) {
        this.mappings = mappings;
        this.errors = errors;
        this.wakeUp = wakeUp;
        thread.setDaemon(true);
    }

    /** Starts the thread. */
    static GuardServer start(DirectMappings mappings, ErrorMapper errors)
            throws io.fusedax.backing.FsException {
        int wakeUp = Libc.load().eventfd(0, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (wakeUp < 0) {
            throw Libc.failure("eventfd", Libc.errno());
        }
        GuardServer server = new GuardServer(mappings, errors, wakeUp);
        server.thread.start();
        return server;
    }

    /**
     * Takes a program's userfaultfd.
     *
     * @param fd this object's from now on
     * @return false if it is none; it stays the caller's
     */
    boolean add(DirectClient client, int fd) {
        if (!isUserfault(fd)) {
            return false;
        }
        synchronized (guards) {
            guards.add(new Guard(client, fd));
        }
        client.guarded = true;
        wakeThread();
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
    void remove(DirectClient client) {
        boolean any = false;
        synchronized (guards) {
            for (Guard guard : guards) {
                if (guard.client == client) {
                    guard.ended = true;
                    any = true;
                }
            }
        }
        if (any) {
            wakeThread();
        }
    }

    private void wakeThread() {
        long one = Memory.allocate(Long.BYTES);
        Memory.putLong(one, 1);
        libc.write(wakeUp, one, Long.BYTES);
        Memory.free(one);
    }

    private void serve() {
        List<Guard> served = List.of();
        try {
            while (!closing) {
                polled.reset(served.size() + 1);
                polled.add(wakeUp);
                for (Guard guard : served) {
                    polled.add(guard.fd);
                }
                if (!polled.await()) {
                    continue;
                }
                for (int i = 0; i < served.size(); i++) {
                    if (polled.isReady(i + 1)) {
                        serve(served.get(i));
                    }
                }
                if (polled.isReady(0)) {
                    libc.read(wakeUp, messages, Long.BYTES);
                    served = closeEnded();
                }
            }
        } catch (Throwable failure) {
            LOG.error("first stores by userfaultfd are no longer served", failure);
            endAll(); // their libraries wake whoever waits
        } finally {
            synchronized (guards) {
                guards.forEach(guard -> libc.close(guard.fd));
                guards.clear();
            }
            polled.free();
        }
    }

    /** Closes those of programs that have gone; the others. */
    private List<Guard> closeEnded() {
        synchronized (guards) {
            guards.removeIf(
                    guard -> {
                        if (guard.ended) {
                            libc.close(guard.fd);
                        }
                        return guard.ended;
                    });
            return List.copyOf(guards);
        }
    }

    private void endAll() {
        synchronized (guards) {
            guards.forEach(guard -> mappings.fence(guard.client, "userfaultfd not served"));
        }
    }

    private void serve(Guard guard) {
        long length = libc.read(guard.fd, messages, (long) MAX_EVENTS * MESSAGE_BYTES);
        for (long at = messages; at + MESSAGE_BYTES <= messages + length; at += MESSAGE_BYTES) {
            if ((Memory.getByte(at) & 0xFF) == EVENT_PAGEFAULT && !guard.ended) {
                resolve(guard, Memory.getLong(at + MESSAGE_ADDRESS) & -PAGE_BYTES);
            }
        }
    }

    private void resolve(Guard guard, long address) {
        DirectClient client = guard.client;
        GuardedAreas.Area area;
        synchronized (client.areas) {
            area = client.areas.find(address);
            if (area == null) {
                mappings.fence(client, "store to a page that was never granted");
            }
            if (area == null || client.fenced) {
                return;
            }
            findPage(client, area, address);
            if (answer.result == ControlProtocol.Fault.RESULT_WRITE) {
                lift(guard.fd, address, area);
                return;
            }
        }
        // The access is to trap anew, come by FAULT, and learn why it cannot be had.
        mappings.withdraw(client, area.inode(), fault.offset, fault.offset + PAGE_BYTES);
        wake(guard.fd, address);
    }

    private void findPage(DirectClient client, GuardedAreas.Area area, long address) {
        fault.offset = area.offsetOf(address);
        fault.areaStart = area.offset();
        fault.areaEnd = area.offsetOf(area.end());
        fault.address = address;
        int flags = ControlProtocol.Fault.FLAG_WRITE;
        flags |= area.sync() ? ControlProtocol.Fault.FLAG_SYNC : 0;
        try {
            mappings.guardedFault(client, area.inode(), flags, fault, answer);
        } catch (Throwable failure) {
            errors.toReply("guarded fault", failure);
            answer.result = ControlProtocol.Fault.RESULT_BUS;
        }
    }

    /** Lifts the protection of what was granted, which wakes those who wait for it. */
    private void lift(int fd, long address, GuardedAreas.Area area) {
        long from = area.start() + (fault.start - area.offset());
        boolean lifted = lift(fd, from, fault.length);
        if (!lifted && fault.length > PAGE_BYTES) {
            lifted = lift(fd, address, PAGE_BYTES); // around it is something else by now
        }
        if (!lifted) {
            wake(fd, address); // the mapping has gone
        }
    }

    private boolean lift(int fd, long address, long length) {
        Memory.putLong(range, address);
        Memory.putLong(range + RANGE_LENGTH, length);
        Memory.putLong(range + PROTECT_MODE, 0);
        return libc.ioctl(fd, UFFDIO_WRITEPROTECT, range) == 0;
    }

    private void wake(int fd, long address) {
        Memory.putLong(range, address);
        Memory.putLong(range + RANGE_LENGTH, PAGE_BYTES);
        libc.ioctl(fd, UFFDIO_WAKE, range);
    }

    /** Ends the thread. Does nothing the second time. */
    @Override
    public synchronized void close() {
        if (closing) {
            return;
        }
        closing = true;
        wakeThread();
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        libc.close(wakeUp);
        Memory.free(messages);
        Memory.free(range);
    }
}
