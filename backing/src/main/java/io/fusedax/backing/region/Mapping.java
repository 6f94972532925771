package io.fusedax.backing.region;

import io.fusedax.backing.FsException;

/** A whole file mapped at an address that allows huge pages. */
final class Mapping {
    /** Both the file offset and the address of a huge page are multiples of this. */
    static final long HUGE_PAGE_BYTES = 2L << 20;

    private final long address;
    private final long lengthBytes;

    private Mapping(long address, long lengthBytes) {
        this.address = address;
        this.lengthBytes = lengthBytes;
    }

    /**
     * Maps the first {@code lengthBytes} of a file, readable and writable.
     *
     * @param shared stores reach the file; otherwise they stay in private memory
     */
    static Mapping map(Descriptor descriptor, long lengthBytes, boolean shared) throws FsException {
        // Reserve too much, map the file over the aligned part, give the rest back. NORESERVE:
        // neither the reservation
        // nor the private copy of a big file may be refused for want of memory that nobody will
        // use.
        long reservedBytes = lengthBytes + HUGE_PAGE_BYTES;
        int reserveFlags = Libc.MAP_PRIVATE | Libc.MAP_ANONYMOUS | Libc.MAP_NORESERVE;
        long reserved = Libc.mmap(0, reservedBytes, Libc.PROT_NONE, reserveFlags, -1, 0);
        if (reserved == -1) {
            throw failed(descriptor, lengthBytes);
        }
        long aligned = (reserved + HUGE_PAGE_BYTES - 1) & -HUGE_PAGE_BYTES;
        int flags =
                Libc.MAP_FIXED | (shared ? Libc.MAP_SHARED : Libc.MAP_PRIVATE | Libc.MAP_NORESERVE);
        if (Libc.mmap(
                        aligned,
                        lengthBytes,
                        Libc.PROT_READ | Libc.PROT_WRITE,
                        flags,
                        descriptor.fd(),
                        0)
                == -1) {
            FsException failure = failed(descriptor, lengthBytes);
            Libc.C.munmap(reserved, reservedBytes);
            throw failure;
        }
        long page = NativeMemory.pageBytes();
        long mappedEnd = (aligned + lengthBytes + page - 1) & -page;
        unmap(reserved, aligned);
        unmap(mappedEnd, reserved + reservedBytes);
        return new Mapping(aligned, lengthBytes);
    }

    long address() {
        return address;
    }

    /** Asks for huge pages; false if the kernel will not hear of them. */
    boolean adviseHugePages() {
        return Libc.C.madvise(address, lengthBytes, Libc.MADV_HUGEPAGE) == 0;
    }

    /** Every later access kills the virtual machine, so this must be the last call. */
    void unmap() {
        Libc.C.munmap(address, lengthBytes);
    }

    private static void unmap(long from, long to) {
        if (from < to) {
            Libc.C.munmap(from, to - from);
        }
    }

    private static FsException failed(Descriptor descriptor, long lengthBytes) {
        return Descriptor.failed(
                Libc.lastErrno(), descriptor.name(), "map " + lengthBytes + " bytes");
    }
}
