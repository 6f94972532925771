package io.fusedax.backing.region;

import io.fusedax.backing.FsException;
import java.util.concurrent.atomic.AtomicLongArray;
import jnr.constants.platform.Errno;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Has the host give a sparse file its storage before stores need it: a store into a page that the
 * host has no room for would be lost without a word in time. In pieces of 1 MiB, remembered in a
 * bit each, so that it costs a system call for each of them once. Where the host has no room for a
 * piece, the pages asked for will do.
 */
final class HostStorage {
    private static final Logger LOG = LoggerFactory.getLogger(HostStorage.class);
    private static final int PIECE_SHIFT = 20;
    private static final long PAGE_BYTES = 4096;

    private final Descriptor descriptor;
    private final long sizeBytes;
    private final AtomicLongArray provided;

    /** Storage behind the file's end is held. Guarded by this. */
    private boolean held;

    /** The host cannot tell in advance. */
    private volatile boolean unsupported;

    HostStorage(Descriptor descriptor, long sizeBytes) {
        this.descriptor = descriptor;
        this.sizeBytes = sizeBytes;
        this.provided = new AtomicLongArray((int) (sizeBytes >>> PIECE_SHIFT + 6) + 1);
    }

    /** As {@link Region#provide}. */
    long provide(long offset, long lengthBytes) throws FsException {
        if (lengthBytes == 0) {
            return 0;
        }
        long end = offset + lengthBytes;
        long last = end - 1 >>> PIECE_SHIFT;
        for (long piece = offset >>> PIECE_SHIFT; piece <= last && !unsupported; piece++) {
            if (isProvided(piece)) {
                continue;
            }
            long behind = piece + 1; // one call for all in a row
            while (behind <= last && !isProvided(behind)) {
                behind++;
            }
            if (behind > piece + 1 && allocate(start(piece), start(behind))) {
                setProvided(piece, behind);
                piece = behind - 1;
            } else if (allocate(start(piece), start(piece + 1))) {
                setProvided(piece, piece + 1);
            } else {
                long from = Math.max(offset, start(piece)) & -PAGE_BYTES;
                long to = Math.min(end, start(piece + 1)) + PAGE_BYTES - 1 & -PAGE_BYTES;
                if (!allocate(from, Math.min(to, sizeBytes))) {
                    return Math.max(0, start(piece) - offset);
                }
            }
        }
        return lengthBytes;
    }

    /** As {@link Region#holdStorageBack}: behind the end of the file, where nobody looks. */
    synchronized void holdBack() {
        if (!held && !unsupported) {
            long end = sizeBytes + (1L << PIECE_SHIFT);
            held =
                    Libc.C.fallocate(
                                    descriptor.fd(),
                                    Libc.FALLOC_FL_KEEP_SIZE,
                                    sizeBytes,
                                    end - sizeBytes)
                            == 0;
        }
    }

    /** As {@link Region#releaseStorage}. */
    synchronized boolean release() {
        boolean was = held;
        held = false;
        // The size stays; what lies behind it goes. Not if somebody has made the file longer.
        return was
                && descriptor.sizeBytes() == sizeBytes
                && Libc.C.ftruncate(descriptor.fd(), sizeBytes) == 0;
    }

    private long start(long piece) {
        return Math.min(piece << PIECE_SHIFT, sizeBytes);
    }

    private boolean isProvided(long piece) {
        return (provided.get((int) (piece >>> 6)) >>> piece & 1) != 0;
    }

    private void setProvided(long piece, long behind) {
        for (long at = piece; at < behind; at++) {
            long bit = 1L << at;
            provided.getAndUpdate((int) (at >>> 6), bits -> bits | bit);
        }
    }

    /** False if the host is full. */
    private boolean allocate(long start, long end) throws FsException {
        while (Libc.C.fallocate(descriptor.fd(), Libc.FALLOC_FL_KEEP_SIZE, start, end - start)
                < 0) {
            Errno errno = Libc.lastErrno();
            switch (errno) {
                case EINTR -> {}
                case ENOSPC, EDQUOT -> {
                    return false;
                }
                case EOPNOTSUPP, ENOSYS -> {
                    unsupported = true;
                    LOG.warn(
                            "region_storage_not_reserved region={}: its file system cannot, so when"
                                    + " that is full, what was acknowledged may be lost",
                            descriptor.name());
                    return true;
                }
                default ->
                        throw new FsException(
                                Errno.EIO,
                                descriptor.name()
                                        + ": storage for offset="
                                        + start
                                        + " length_bytes="
                                        + (end - start)
                                        + ": "
                                        + errno.description());
            }
        }
        return true;
    }
}
