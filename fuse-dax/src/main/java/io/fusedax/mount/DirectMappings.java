package io.fusedax.mount;

import io.fusedax.backing.Counter;
import io.fusedax.backing.FsException;
import io.fusedax.backing.journal.CommitCause;
import io.fusedax.backing.volume.Fault;
import io.fusedax.backing.volume.Volume;
import java.util.List;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicLong;
import jnr.constants.platform.Errno;
import org.jctools.maps.NonBlockingHashMapLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The programs that map files of this mount directly, and the order between their faults and
 * everything that changes where a file's data is.
 *
 * <p>Invariants:
 *
 * <ul>
 *   <li>What a program may reach is a block of the file it mapped, or of nobody: before blocks are
 *       taken off a file, access to them is revoked and that acknowledged ({@link #change}), or the
 *       program is fenced and no freed block is used again while it lives.
 *   <li>No program sees zeros where a call that has returned put data ({@link #written}).
 * </ul>
 *
 * <p>A fault holds its file's monitor from the look at the freezes to the note of the grant. A
 * change freezes under the monitor what it changes; a file without programs has none, and its
 * changes are counted in {@link #changing} so that a program's first fault cannot slip in. Locks
 * are taken in this order: file's monitor, then inode locks; file's monitor, then client's.
 */
final class DirectMappings {
    private static final Logger LOG = LoggerFactory.getLogger(DirectMappings.class);

    /** How long a program has to give a range back. */
    static final long ACK_TIMEOUT_NANOS = 2_000_000_000L;

    /** Lower than any: leaves answers under way valid. */
    private static final long NO_GENERATION = 0;

    private static final int SLOTS = 256;

    private final Volume volume;
    private final FaultStatistics statistics;
    private final int faultBytes;
    private final long ackTimeoutNanos;
    private final boolean needsFlush;
    private final long pageBytes;
    private final NonBlockingHashMapLong<DirectClient> clients = new NonBlockingHashMapLong<>();
    private final NonBlockingHashMapLong<MappedFile> files = new NonBlockingHashMapLong<>();
    private final AtomicIntegerArray changing = new AtomicIntegerArray(SLOTS);
    private final AtomicLong generations = new AtomicLong();
    private final Fences fences;

    DirectMappings(
            Volume volume, FaultStatistics statistics, int faultBytes, long ackTimeoutNanos) {
        this.volume = volume;
        this.statistics = statistics;
        this.faultBytes = faultBytes;
        this.ackTimeoutNanos = ackTimeoutNanos;
        this.needsFlush = volume.needsFlush();
        this.pageBytes = volume.summary().alignmentBytes();
        this.fences = new Fences(volume);
    }

    // ---- programs

    void connected(DirectClient client) {
        clients.put(client.cookie, client);
    }

    /** The connection with a cookie, null if there is none that is served. */
    DirectClient client(long cookie) {
        DirectClient client = clients.get(cookie);
        return client == null || client.fenced ? null : client;
    }

    /** The program's end of the connection is closed: it has no mappings any more. */
    void disconnected(DirectClient client) {
        clients.remove(client.cookie);
        for (MappedFile file : client.close()) {
            detach(file, client);
        }
        client.giveUp();
        fences.ended(client);
    }

    /**
     * A program is about to map a file.
     *
     * @param inodeGeneration tells files of the same inode number apart
     * @return the file's generation
     * @throws FsException ESTALE when the connection has ended
     */
    long attach(DirectClient client, long inode, int inodeGeneration) throws FsException {
        while (true) {
            MappedFile file = files.get(inode);
            if (file == null) {
                FaultCounts counts = statistics.of(inode, inodeGeneration);
                files.putIfAbsent(inode, new MappedFile(inode, counts, generations));
                continue;
            }
            synchronized (file) {
                if (file.dead) {
                    continue;
                }
                boolean served = client.use(file);
                if (served) {
                    file.attach(client);
                    return file.generation();
                }
                removeIfUnused(file);
                throw new FsException(Errno.ESTALE, "connection ended");
            }
        }
    }

    /** A program has no mapping of a file any more. */
    void detach(DirectClient client, long inode) {
        if (client.areas.tryLock()) { // noted still, they do no harm
            try {
                client.areas.remove(inode);
            } finally {
                client.areas.unlock();
            }
        }
        MappedFile file = files.get(inode);
        if (file != null) {
            detach(file, client);
        }
    }

    private void detach(MappedFile file, DirectClient client) {
        synchronized (file) {
            client.unuse(file);
            file.detach(client);
            if (!file.hasAttachments()) {
                flush(file);
            }
            removeIfUnused(file);
        }
    }

    /** The file's monitor is held. */
    private void removeIfUnused(MappedFile file) {
        if (!file.isUsed() && !file.dead) {
            file.dead = true;
            files.remove(file.inode);
        }
    }

    // ---- faults

    /** Answer of {@link #fault}: the {@code RESULT_*}, and the generation in force with it. */
    static final class Answer {
        int result;
        long generation;
    }

    /**
     * Answers a fault; allocates nothing where blocks are there.
     *
     * @param flags of {@link ControlProtocol.Fault}
     * @throws FsException ESTALE when the program has not attached the file, and the volume's
     */
    void fault(DirectClient client, long inode, int flags, Fault fault, Answer answer)
            throws FsException {
        answer(client, inode, flags, fault, answer, client);
    }

    /**
     * Does for a store that the kernel stopped at a guarded page what {@link #fault} does; the
     * program hears nothing of it. Its areas are locked.
     */
    void guardedFault(DirectClient client, long inode, int flags, Fault fault, Answer answer)
            throws FsException {
        fault.wantsGuard = false;
        answer(client, inode, flags, fault, answer, null);
    }

    /**
     * @param dropsZeros the program that drops the zeros within the answer by itself, or null
     */
    private void answer(
            DirectClient client,
            long inode,
            int flags,
            Fault fault,
            Answer answer,
            DirectClient dropsZeros)
            throws FsException {
        long startNanos = System.nanoTime();
        MappedFile file = files.get(inode);
        if (file == null) {
            throw notAttached(inode);
        }
        fault.write = (flags & ControlProtocol.Fault.FLAG_WRITE) != 0;
        fault.grantBytes = faultBytes;
        boolean sync = fault.write && (flags & ControlProtocol.Fault.FLAG_SYNC) != 0;
        MappedFile.Revoked revoked;
        synchronized (file) {
            MappedFile.Attachment attachment = file.attachmentOf(client);
            if (attachment == null) {
                throw notAttached(inode);
            }
            if (changing.get(slot(inode)) != 0 || !file.clip(fault)) {
                answer.result = ControlProtocol.Fault.RESULT_RETRY;
                answer.generation = file.generation();
                return;
            }
            answer.result = findPage(inode, fault);
            revoked = granted(file, attachment, fault, dropsZeros);
            answer.generation = file.generation();
        }
        if (revoked != null) {
            await(file, revoked);
        }
        if (sync && answer.result == ControlProtocol.Fault.RESULT_WRITE && commit(inode)) {
            statistics.count(file.counts, Counter.FAULT_COMMITS);
        }
        if (dropsZeros == null && answer.result == ControlProtocol.Fault.RESULT_WRITE) {
            statistics.count(file.counts, Counter.GUARDED_FAULTS);
        }
        if ((flags & ControlProtocol.Fault.FLAG_PREFAULT) == 0) {
            statistics.count(file.counts, fault, sync, System.nanoTime() - startNanos);
        }
    }

    private static FsException notAttached(long inode) {
        return new FsException(Errno.ESTALE, "inode " + inode + ": not attached");
    }

    private int findPage(long inode, Fault fault) throws FsException {
        try {
            volume.fault(inode, fault);
        } catch (FsException e) {
            if (e.errno() != Errno.ENOSPC) {
                throw e;
            }
            fault.kind = Fault.Kind.BUS;
            fault.length = 0;
        }
        switch (fault.kind) {
            case ZERO:
                return ControlProtocol.Fault.RESULT_ZERO;
            case READ:
                return ControlProtocol.Fault.RESULT_READ;
            case WRITE:
                return ControlProtocol.Fault.RESULT_WRITE;
            default:
                return ControlProtocol.Fault.RESULT_BUS;
        }
    }

    /** Notes what the program gets; the others lose their zeros where there are blocks now. */
    private MappedFile.Revoked granted(
            MappedFile file,
            MappedFile.Attachment attachment,
            Fault fault,
            DirectClient dropsZeros) {
        long end = fault.start + fault.length;
        long grantedEnd = Math.max(end, fault.guardStart + fault.guardLength);
        attachment.grantedEnd = Math.max(attachment.grantedEnd, grantedEnd);
        MappedFile.Revoked revoked = null;
        if (fault.changedStart < fault.changedEnd) {
            revoked =
                    file.revokeZeros(
                            fault.changedStart, fault.changedEnd, dropsZeros, fault.start, end);
        }
        if (fault.kind == Fault.Kind.ZERO) {
            attachment.zeros.add(fault.start, end);
        } else if (fault.kind != Fault.Kind.BUS) {
            attachment.zeros.remove(fault.start, end);
        }
        if (fault.kind == Fault.Kind.WRITE && needsFlush) {
            file.stored.add(fault.start, end);
        }
        return revoked;
    }

    /** Of a volume that has failed, too: then it throws, and the store is not let through. */
    private boolean commit(long inode) throws FsException {
        return volume.commitInode(inode, CommitCause.FAULT);
    }

    // ---- stores that nobody told of

    /**
     * Flushes what programs may have stored into a file since it was mapped; a drain makes it
     * durable.
     */
    void flushStores(long inode) {
        MappedFile file = files.get(inode);
        if (needsFlush && file != null) {
            synchronized (file) {
                flush(file);
            }
        }
    }

    /** The same for all files. */
    void flushAllStores() {
        if (needsFlush) {
            for (MappedFile file : files.values()) {
                synchronized (file) {
                    flush(file);
                }
            }
        }
    }

    /** The file's monitor is held. Ranges stay as long as stores may go on. */
    private void flush(MappedFile file) {
        long[] ranges = file.stored.toArray();
        try {
            for (int i = 0; i < ranges.length; i += 2) {
                volume.flushMapped(file.inode, ranges[i], ranges[i + 1]);
            }
        } catch (FsException e) {
            LOG.warn("flush_failed inode={}", file.inode, e);
        }
        if (!file.hasAttachments()) {
            file.stored.clear();
        }
    }

    // ---- changes

    /** What takes blocks off a file, or moves them. */
    @FunctionalInterface
    interface Change {
        void run() throws FsException;
    }

    /**
     * Runs a change of a range of a file after all access to it is revoked.
     *
     * @param from first byte that changes
     * @param to end of what changes; Long.MAX_VALUE: everything
     */
    void change(long inode, long from, long to, Change change) throws FsException {
        long start = Math.max(0, from) & -pageBytes;
        long end = pageEnd(to);
        if (start >= end) {
            change.run(); // refused, or changes nothing
            return;
        }
        MappedFile file = null;
        MappedFile.Freeze freeze = null;
        MappedFile.Revoked revoked = null;
        changing.incrementAndGet(slot(inode));
        try {
            while (freeze == null) {
                file = files.get(inode);
                if (file == null) {
                    change.run();
                    return;
                }
                synchronized (file) {
                    if (!file.dead) {
                        freeze = file.freeze(start, end);
                        revoked = file.revoke(start, end);
                    }
                }
            }
        } finally {
            changing.decrementAndGet(slot(inode));
        }
        try {
            if (revoked != null) {
                await(file, revoked);
                synchronized (file) {
                    flush(file); // before blocks move to other offsets
                    file.stored.remove(start, end);
                }
            }
            change.run();
        } finally {
            synchronized (file) {
                file.unfreeze(freeze);
                removeIfUnused(file);
            }
        }
    }

    /** The files that programs map now. */
    long[] mappedInodes() {
        return files.keySetLong();
    }

    /** Bytes were written to a file by a call: nobody may go on seeing zeros there. */
    void written(long inode, long from, long to) {
        if (files.isEmpty()) {
            return;
        }
        MappedFile file = files.get(inode);
        if (file == null) {
            return;
        }
        MappedFile.Revoked revoked;
        synchronized (file) {
            revoked = file.revokeZeros(from & -pageBytes, pageEnd(to), null, 0, 0);
        }
        if (revoked != null) {
            await(file, revoked);
        }
    }

    private long pageEnd(long offset) {
        boolean last = offset < 0 || offset > Long.MAX_VALUE - pageBytes;
        return last ? Long.MAX_VALUE : offset + pageBytes - 1 & -pageBytes;
    }

    private void await(MappedFile file, MappedFile.Revoked revoked) {
        statistics.count(file.counts, Counter.REVOCATIONS);
        revoked.unreachable.forEach(client -> fence(file, client));
        List<DirectClient> silent = revoked.answers.await(ackTimeoutNanos);
        silent.forEach(client -> fence(file, client));
    }

    private void fence(MappedFile file, DirectClient client) {
        if (fences.fence(client, "no answer to a revocation of inode " + file.inode)) {
            statistics.count(file.counts, Counter.REVOCATION_TIMEOUTS);
        }
    }

    /** Gives a program up: see {@link Fences}. */
    void fence(DirectClient client, String reason) {
        fences.fence(client, reason);
    }

    /** Takes access to a range away from one program, and waits until it has answered. */
    void withdraw(DirectClient client, long inode, long from, long to) {
        Revocation revocation = new Revocation();
        boolean sent = client.revoke(revocation, inode, from, to, NO_GENERATION);
        if (!sent || !revocation.await(ackTimeoutNanos).isEmpty()) {
            fence(client, "no answer to a revocation of inode " + inode);
        }
    }

    private static int slot(long inode) {
        return (int) (inode * 0x9E3779B97F4A7C15L >>> 56) & SLOTS - 1;
    }
}
