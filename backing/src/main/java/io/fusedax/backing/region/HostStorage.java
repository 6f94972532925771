package io.fusedax.backing.region;

import io.fusedax.backing.FsException;
import java.util.concurrent.atomic.AtomicLongArray;
import jnr.constants.platform.Errno;

/**
 * Has the host give a sparse file its storage before stores need it: a store into a page that the
 * host has no room for would be lost without a word in time. In pieces of 1 MiB, remembered in a
 * bit each, so that it costs a system call for each of them once.
 */
final class HostStorage {
    private static final int PIECE_SHIFT = 20;

    private final Descriptor descriptor;
    private final long sizeBytes;
    private final AtomicLongArray provided;

    /** The host cannot tell in advance. */
    private volatile boolean unsupported;

    HostStorage(Descriptor descriptor, long sizeBytes) {
        this.descriptor = descriptor;
        this.sizeBytes = sizeBytes;
        this.provided = new AtomicLongArray((int) (sizeBytes >>> PIECE_SHIFT + 6) + 1);
    }

    /** As {@link Region#provide}. */
    void provide(long offset, long lengthBytes) throws FsException {
        if (unsupported || lengthBytes == 0) {
            return;
        }
        long last = offset + lengthBytes - 1 >>> PIECE_SHIFT;
        for (long piece = offset >>> PIECE_SHIFT; piece <= last; piece++) {
            int word = (int) (piece >>> 6);
            long bit = 1L << piece;
            if ((provided.get(word) & bit) == 0) {
                providePiece(piece, offset, lengthBytes);
                provided.getAndUpdate(word, bits -> bits | bit);
            }
        }
    }

    private void providePiece(long piece, long offset, long lengthBytes) throws FsException {
        long start = piece << PIECE_SHIFT;
        long end = Math.min(sizeBytes, start + (1L << PIECE_SHIFT));
        Errno errno = allocate(start, end - start);
        if (errno == Errno.EOPNOTSUPP || errno == Errno.ENOSYS) {
            unsupported = true;
        } else if (errno != null) {
            throw new FsException(
                    errno == Errno.ENOSPC || errno == Errno.EDQUOT ? Errno.ENOSPC : Errno.EIO,
                    descriptor.name()
                            + ": the host has no storage for offset="
                            + offset
                            + " length_bytes="
                            + lengthBytes
                            + ": "
                            + errno.description());
        }
    }

    /** Null, or why not. */
    private Errno allocate(long start, long lengthBytes) {
        while (Libc.C.fallocate(descriptor.fd(), Libc.FALLOC_FL_KEEP_SIZE, start, lengthBytes)
                < 0) {
            Errno errno = Libc.lastErrno();
            if (errno != Errno.EINTR) {
                return errno;
            }
        }
        return null;
    }
}
