package io.fusedax.mount;

import io.fusedax.backing.Counter;
import io.fusedax.backing.FsException;
import io.fusedax.backing.volume.Caller;
import io.fusedax.backing.volume.Volume;
import jnr.constants.platform.Errno;

/** Native transport: copy_file_range(2), within the daemon. */
final class CopyRequests {
    /** One request copies no more, so that others get their turn; programs ask again. */
    private static final long MAX_COPY_BYTES = 64L << 20;

    private final MountState state;

    CopyRequests(MountState state) {
        this.state = state;
    }

    /** Answers with a count of 64 bits, of which COPY_FILE_RANGE's reply reads the lower half. */
    int copy(RequestContext request) throws FsException {
        long body = request.requestBody;
        OpenHandle in = state.handle(Memory.getLong(body + RequestLayout.CopyFileRange.IN_HANDLE));
        OpenHandle out =
                state.handle(Memory.getLong(body + RequestLayout.CopyFileRange.OUT_HANDLE));
        if (Memory.getLong(body + RequestLayout.CopyFileRange.FLAGS) != 0 || !out.writable()) {
            throw new FsException(Errno.EINVAL, "copy_file_range: flags or descriptor");
        }
        long from = Memory.getLong(body + RequestLayout.CopyFileRange.IN_OFFSET);
        long to = Memory.getLong(body + RequestLayout.CopyFileRange.OUT_OFFSET);
        long length =
                Math.min(Memory.getLong(body + RequestLayout.CopyFileRange.LENGTH), MAX_COPY_BYTES);
        long copied = copy(request, in.inode, from, out.inode, to, length);
        Memory.putLong(request.replyBody + ReplyLayout.CopyFileRange.BYTES_COPIED, copied);
        return ReplyLayout.CopyFileRange.SIZE_BYTES;
    }

    /** The thread's reply buffer carries the data. */
    private long copy(RequestContext request, long in, long from, long out, long to, long length)
            throws FsException {
        Volume volume = state.volume;
        long copied = 0;
        while (copied < length && !(copied > 0 && request.isInterrupted())) {
            int part = (int) Math.min(length - copied, RequestContext.MAX_DATA_BYTES);
            int read = volume.read(in, from + copied, request.replyBody, part);
            int written = read == 0 ? 0 : write(out, to + copied, request.replyBody, read, copied);
            copied += written;
            if (written < part) {
                break;
            }
        }
        state.counters.add(Counter.BYTES_READ, copied);
        state.counters.add(Counter.BYTES_WRITTEN, copied);
        return copied;
    }

    private int write(long inode, long offset, long data, int length, long copied)
            throws FsException {
        try {
            // The kernel has taken the set-id bits away before.
            int written = state.volume.write(inode, offset, data, length, 0, Caller.ROOT);
            state.mappings.written(inode, offset, offset + written);
            return written;
        } catch (FsException e) {
            if (copied == 0) {
                throw e;
            }
            return 0; // what was copied counts; the next call tells why
        }
    }
}
