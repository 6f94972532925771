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

    /** Who sees what is stored to a mapping. */
    enum Sharing {
        /** Everybody: stores reach the file. */
        SHARED(Libc.MAP_SHARED, Libc.PROT_READ | Libc.PROT_WRITE),
        /** Everybody, and the file's own metadata is durable before a store is (MAP_SYNC). */
        SYNC(Libc.MAP_SHARED_VALIDATE | Libc.MAP_SYNC, Libc.PROT_READ | Libc.PROT_WRITE),
        /** This mapping alone: stores go to private memory. */
        PRIVATE(Libc.MAP_PRIVATE | Libc.MAP_NORESERVE, Libc.PROT_READ | Libc.PROT_WRITE),
        /** Nobody stores, but see {@link #makePrivate}. */
        READ(Libc.MAP_SHARED, Libc.PROT_READ);

        private final int flags;
        private final int protection;

        Sharing(int flags, int protection) {
            this.flags = flags;
            this.protection = protection;
        }
    }

    /** Whether the kernel promises MAP_SYNC for a file, that is, whether it is a DAX file. */
    static boolean canSync(Descriptor descriptor) {
        long length = NativeMemory.pageBytes();
        int flags = Libc.MAP_SHARED_VALIDATE | Libc.MAP_SYNC;
        long address = Libc.mmap(0, length, Libc.PROT_READ, flags, descriptor.fd(), 0);
        if (address == -1) {
            return false;
        }
        Libc.C.munmap(address, length);
        return true;
    }

    /**
     * Maps the first {@code lengthBytes} of a file or device.
     *
     * @param alignmentBytes what its addresses must be multiples of; a power of two
     */
    static Mapping map(
            Descriptor descriptor, long lengthBytes, long alignmentBytes, Sharing sharing)
            throws FsException {
        // Reserve too much, map the file over the aligned part, give the rest back. NORESERVE:
        // neither the reservation nor the private copy of a big file may be refused for want of
        // memory that nobody will use.
        long alignment = Math.max(alignmentBytes, HUGE_PAGE_BYTES);
        long reservedBytes = lengthBytes + alignment;
        int reserveFlags = Libc.MAP_PRIVATE | Libc.MAP_ANONYMOUS | Libc.MAP_NORESERVE;
        long reserved = Libc.mmap(0, reservedBytes, Libc.PROT_NONE, reserveFlags, -1, 0);
        if (reserved == -1) {
            throw failed(descriptor, lengthBytes);
        }
        long aligned = (reserved + alignment - 1) & -alignment;
        int flags = Libc.MAP_FIXED | sharing.flags;
        if (Libc.mmap(aligned, lengthBytes, sharing.protection, flags, descriptor.fd(), 0) == -1) {
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

    /**
     * Puts private memory with the same content in place of a part of a {@link Sharing#READ}
     * mapping, at once.
     *
     * @param name of what is mapped, for messages
     * @param offset within the mapping
     */
    void makePrivate(String name, long offset, long partBytes) throws FsException {
        int flags = Libc.MAP_PRIVATE | Libc.MAP_ANONYMOUS | Libc.MAP_NORESERVE;
        long copy = Libc.mmap(0, partBytes, Sharing.PRIVATE.protection, flags, -1, 0);
        if (copy == -1) {
            throw Descriptor.failed(Libc.lastErrno(), name, "copy " + partBytes + " bytes");
        }
        NativeMemory.copy(address + offset, copy, partBytes);
        int move = Libc.MREMAP_MAYMOVE | Libc.MREMAP_FIXED;
        if (Libc.C.mremap(copy, partBytes, partBytes, move, address + offset) == -1) {
            FsException failure =
                    Descriptor.failed(Libc.lastErrno(), name, "replace " + partBytes + " bytes");
            Libc.C.munmap(copy, partBytes);
            throw failure;
        }
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
