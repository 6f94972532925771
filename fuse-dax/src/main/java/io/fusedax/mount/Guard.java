package io.fusedax.mount;

import io.fusedax.backing.FsException;
import io.fusedax.backing.volume.Fault;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Hears from the kernel of a program's first stores to pieces that it has write-protected by
 * userfaultfd: does for each what a store's FAULT does, lifts the protection and wakes the thread.
 * fusedax-protocol.h tells the rules.
 *
 * <p>Invariants:
 *
 * <ul>
 *   <li>The areas are locked from the look at what lies at an address until the protection is
 *       lifted there. An answer that allows something else to be guarded there must lock them
 *       first, so it comes later.
 *   <li>Every event ends with its thread woken, also when the mapping has gone meanwhile, unless
 *       the program is given up: then its own library does that.
 * </ul>
 *
 * Order of locks: the areas, then those of {@link DirectMappings}.
 */
final class Guard extends Thread {
    private static final Logger LOG = LoggerFactory.getLogger(Guard.class);
    private static final long PAGE_BYTES = 4096;
    private static final int MAX_EVENTS = 16;
    private static final int EINTR = 4;
    private static final int EAGAIN = 11;

    // linux/userfaultfd.h
    private static final long UFFDIO_WRITEPROTECT = 0xC018AA06L;
    private static final long UFFDIO_WAKE = 0x8010AA02L;
    private static final int EVENT_PAGEFAULT = 0x12;
    private static final int EVENT_FORK = 0x13;

    // struct uffd_msg
    private static final int MESSAGE_FORK_FD = 8;
    private static final int MESSAGE_ADDRESS = 16;
    private static final int MESSAGE_BYTES = 32;

    // struct uffdio_range, and struct uffdio_writeprotect, which starts with one
    private static final int RANGE_LENGTH = Long.BYTES;
    private static final int PROTECT_MODE = RANGE_LENGTH + Long.BYTES;
    private static final int PROTECT_BYTES = PROTECT_MODE + Long.BYTES;

    final DirectClient client;

    private final Libc libc = Libc.load();
    private final int fd;
    private final DirectMappings mappings;
    private final ErrorMapper errors;
    private final WakeUp wakeUp = new WakeUp();
    private final PollSet polled = new PollSet();
    private final long messages = Memory.allocate((long) MAX_EVENTS * MESSAGE_BYTES);
    private final long range = Memory.allocate(PROTECT_BYTES);
    private final Fault fault = new Fault();
    private final DirectMappings.Answer answer = new DirectMappings.Answer();
    private volatile boolean ended;

    /** Takes over the descriptor. */
    Guard(DirectClient client, int fd, DirectMappings mappings, ErrorMapper errors)
            throws FsException {
        super("fuse-guard-" + fd);
        this.client = client;
        this.fd = fd;
        this.mappings = mappings;
        this.errors = errors;
        setDaemon(true);
    }

    /** The thread is to end soon. */
    void end() {
        ended = true;
        wakeUp.wake();
    }

    @Override
    public void run() {
        try {
            serve();
        } catch (Throwable failure) {
            LOG.error("guard_failed thread={}", getName(), failure);
            mappings.fence(client, "its userfaultfd is not served"); // its library wakes who waits
        } finally {
            libc.close(fd);
            wakeUp.close();
            polled.free();
            Memory.free(messages);
            Memory.free(range);
        }
    }

    private void serve() {
        while (!ended) {
            polled.reset(2);
            polled.add(wakeUp.fd());
            polled.add(fd);
            if (polled.await() && polled.isReady(1) && !ended && !serveReady()) {
                mappings.fence(client, "no more events of its userfaultfd");
                return;
            }
        }
    }

    /** False if there is nothing more to be had. */
    private boolean serveReady() {
        long length = libc.read(fd, messages, (long) MAX_EVENTS * MESSAGE_BYTES);
        if (length < 0) {
            int errno = Libc.errno();
            return errno == EAGAIN || errno == EINTR;
        }
        boolean expected = length > 0;
        for (long at = messages; at + MESSAGE_BYTES <= messages + length; at += MESSAGE_BYTES) {
            int event = Memory.getByte(at) & 0xFF;
            if (event == EVENT_PAGEFAULT) {
                resolve(Memory.getLong(at + MESSAGE_ADDRESS) & -PAGE_BYTES);
            } else {
                expected = false; // the library asks for no others
                if (event == EVENT_FORK) {
                    libc.close(Memory.getInt(at + MESSAGE_FORK_FD));
                }
            }
        }
        return expected;
    }

    private void resolve(long address) {
        if (client.fenced || ended) {
            return;
        }
        GuardedAreas.Area area;
        client.areas.lock();
        try {
            area = client.areas.find(address);
            if (area != null && findPage(area, address)) {
                lift(address, area);
                return;
            }
        } finally {
            client.areas.unlock();
        }
        if (area != null) {
            // The access is to trap anew, come by FAULT, and learn why it cannot be had.
            mappings.withdraw(client, area.inode(), fault.offset, fault.offset + PAGE_BYTES);
        }
        wake(address);
    }

    /** Whether the store may go on. */
    private boolean findPage(GuardedAreas.Area area, long address) {
        fault.offset = area.offsetOf(address);
        fault.areaStart = area.offset();
        fault.areaEnd = area.offsetOf(area.end());
        fault.address = address;
        int flags = ControlProtocol.Fault.FLAG_WRITE;
        flags |= area.sync() ? ControlProtocol.Fault.FLAG_SYNC : 0;
        try {
            mappings.guardedFault(client, area.inode(), flags, fault, answer);
            return answer.result == ControlProtocol.Fault.RESULT_WRITE;
        } catch (Throwable failure) {
            errors.toReply("guarded fault", failure);
            return false;
        }
    }

    /** Lifts the protection of what was granted, which wakes those who wait for it. */
    private void lift(long address, GuardedAreas.Area area) {
        long from = area.start() + (fault.start - area.offset());
        boolean lifted = lift(from, fault.length);
        if (!lifted && fault.length > PAGE_BYTES) {
            lifted = lift(address, PAGE_BYTES); // around it is something else by now
        }
        if (!lifted) {
            wake(address); // the mapping has gone
        }
    }

    private boolean lift(long address, long length) {
        Memory.putLong(range, address);
        Memory.putLong(range + RANGE_LENGTH, length);
        Memory.putLong(range + PROTECT_MODE, 0);
        return libc.ioctl(fd, UFFDIO_WRITEPROTECT, range) == 0;
    }

    private void wake(long address) {
        Memory.putLong(range, address);
        Memory.putLong(range + RANGE_LENGTH, PAGE_BYTES);
        libc.ioctl(fd, UFFDIO_WAKE, range);
    }
}
