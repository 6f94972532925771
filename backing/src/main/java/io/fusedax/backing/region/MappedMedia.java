package io.fusedax.backing.region;

import java.io.IOException;
import java.util.function.IntSupplier;
import jnr.constants.platform.Errno;

/** The write-back calls of a mapped file. */
final class MappedMedia implements MsyncPersistence.Media {
    private final Descriptor descriptor;
    private final Mapping mapping;

    MappedMedia(Descriptor descriptor, Mapping mapping) {
        this.descriptor = descriptor;
        this.mapping = mapping;
    }

    @Override
    public void msync(long offset, long lengthBytes) throws IOException {
        retry("msync", () -> Libc.C.msync(mapping.address() + offset, lengthBytes, Libc.MS_SYNC));
    }

    @Override
    public void fdatasync() throws IOException {
        retry("fdatasync", () -> Libc.C.fdatasync(descriptor.fd()));
    }

    private void retry(String name, IntSupplier call) throws IOException {
        while (call.getAsInt() < 0) {
            Errno errno = Libc.lastErrno();
            if (errno != Errno.EINTR) {
                throw new IOException(
                        descriptor.name() + ": " + name + " failed: " + errno.description());
            }
        }
    }
}
