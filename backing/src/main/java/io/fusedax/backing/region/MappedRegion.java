package io.fusedax.backing.region;

import io.fusedax.backing.Counter;
import io.fusedax.backing.Counters;
import io.fusedax.backing.FsException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Optional;
import jnr.constants.platform.Errno;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A region that is a file, a memfd or a device, mapped whole. */
final class MappedRegion implements Region {
    private static final Logger LOG = LoggerFactory.getLogger(MappedRegion.class);
    private static final long CLOSED = -1;

    private final Identity identity;
    private final Descriptor descriptor;
    private final Mapping mapping;
    private final Persistence persistence;
    private final Counters counters;
    private final HostStorage hostStorage;
    private final BadBlocks badBlocks = new BadBlocks();

    /** What makes a read-only device storable, null elsewhere. */
    private final PrivateUnits privateUnits;

    private final long address;
    private final long sizeBytes;

    /**
     * What an access may touch: sizeBytes, or {@link #CLOSED}. One comparison refuses both kinds of
     * wrong access.
     */
    private long accessibleBytes;

    private volatile boolean punchSupported;

    /** What a region is, apart from how it is reached. */
    record Identity(
            RegionKind kind,
            String description,
            Path path,
            boolean readOnly,
            long sizeBytes,
            int alignmentBytes) {}

    /** Takes over the descriptor and the mapping. */
    MappedRegion(
            Identity identity,
            Descriptor descriptor,
            Mapping mapping,
            Persistence persistence,
            Counters counters) {
        this.identity = identity;
        this.descriptor = descriptor;
        this.mapping = mapping;
        this.persistence = persistence;
        this.counters = counters;
        this.sizeBytes = identity.sizeBytes();
        this.hostStorage = new HostStorage(descriptor, sizeBytes);
        this.address = mapping.address();
        this.accessibleBytes = sizeBytes;
        this.punchSupported = identity.kind() != RegionKind.DEVDAX;
        this.privateUnits =
                identity.readOnly() && identity.kind() == RegionKind.DEVDAX
                        ? new PrivateUnits(
                                identity.description(),
                                mapping,
                                sizeBytes,
                                Math.max(identity.alignmentBytes(), Mapping.HUGE_PAGE_BYTES))
                        : null;
    }

    @Override
    public long sizeBytes() {
        return sizeBytes;
    }

    @Override
    public RegionKind kind() {
        return identity.kind();
    }

    @Override
    public int alignmentBytes() {
        return identity.alignmentBytes();
    }

    @Override
    public boolean readOnly() {
        return identity.readOnly();
    }

    @Override
    public String description() {
        return identity.description();
    }

    @Override
    public Optional<Path> path() {
        return Optional.of(identity.path());
    }

    @Override
    public int reopen(boolean writable) throws FsException {
        at(0, 0);
        int flags = writable && !readOnly() ? Libc.O_RDWR : Libc.O_RDONLY;
        return descriptor.reopen(flags).detach();
    }

    @Override
    public FlushMechanism flushMechanism() {
        return readOnly() ? FlushMechanism.NONE : persistence.mechanism();
    }

    @Override
    public Counters counters() {
        return counters;
    }

    @Override
    public BadBlocks badBlocks() {
        return badBlocks;
    }

    /** Where the region starts in this process. */
    long address() {
        return address;
    }

    @Override
    public int getInt(long offset) {
        return NativeMemory.getInt(load(offset, Integer.BYTES));
    }

    @Override
    public long getLong(long offset) {
        return NativeMemory.getLong(load(offset, Long.BYTES));
    }

    @Override
    public void putInt(long offset, int value) {
        NativeMemory.putInt(store(offset, Integer.BYTES), value);
    }

    @Override
    public void putLong(long offset, long value) {
        NativeMemory.putLong(store(offset, Long.BYTES), value);
    }

    @Override
    public void read(long offset, byte[] dst, int dstIndex, int length) {
        Objects.checkFromIndexSize(dstIndex, length, dst.length);
        NativeMemory.read(load(offset, length), dst, dstIndex, length);
    }

    @Override
    public void write(long offset, byte[] src, int srcIndex, int length) {
        Objects.checkFromIndexSize(srcIndex, length, src.length);
        NativeMemory.write(store(offset, length), src, srcIndex, length);
    }

    @Override
    public void readTo(long offset, long nativeAddress, long lengthBytes) {
        if (!NativeMemory.copyIfThere(load(offset, lengthBytes), nativeAddress, lengthBytes)) {
            NativeMemory.awaitFault();
            checkStorage();
            throw new MediaErrorException(
                    description()
                            + ": the host cannot read its storage: offset="
                            + offset
                            + " length_bytes="
                            + lengthBytes);
        }
    }

    @Override
    public void writeFrom(long offset, long nativeAddress, long lengthBytes) {
        NativeMemory.copy(nativeAddress, store(offset, lengthBytes), lengthBytes);
    }

    @Override
    public void copy(long fromOffset, long toOffset, long lengthBytes) {
        NativeMemory.copy(load(fromOffset, lengthBytes), store(toOffset, lengthBytes), lengthBytes);
    }

    @Override
    public void zero(long offset, long lengthBytes) {
        NativeMemory.zero(store(offset, lengthBytes), lengthBytes);
    }

    @Override
    public void flush(long offset, long lengthBytes) {
        at(offset, lengthBytes);
        if (readOnly()) {
            return;
        }
        persistence.flush(offset, lengthBytes);
        counters.increment(Counter.REGION_FLUSHES);
        counters.add(Counter.REGION_FLUSHED_BYTES, lengthBytes);
    }

    @Override
    public boolean flushStrangers() {
        at(0, 0);
        switch (kind()) {
            case DEVDAX:
                return !needsFlush();
            case FSDAX:
                if (needsFlush()) {
                    syncFile(); // the kernel knows the pages; cache line by cache line takes long
                }
                return true;
            default:
                flush(0, sizeBytes);
                return true;
        }
    }

    private void syncFile() {
        try {
            descriptor.sync();
        } catch (FsException e) {
            throw new UncheckedIOException(new IOException(e.getMessage(), e));
        }
    }

    @Override
    public boolean needsFlush() {
        return !readOnly() && persistence.mechanism() != FlushMechanism.FENCE;
    }

    @Override
    public void drain() {
        at(0, 0);
        if (readOnly()) {
            return;
        }
        persistence.drain();
        checkStorage(); // or what was stored may be nowhere
        counters.increment(Counter.REGION_DRAINS);
    }

    @Override
    public long provide(long offset, long lengthBytes) throws FsException {
        at(offset, lengthBytes);
        return readOnly() || !kind().hasHostStorage()
                ? lengthBytes
                : hostStorage.provide(offset, lengthBytes);
    }

    @Override
    public void holdStorageBack() {
        if (!readOnly() && kind().hasHostStorage()) {
            hostStorage.holdBack();
        }
    }

    @Override
    public boolean releaseStorage() {
        return hostStorage.release();
    }

    @Override
    public void checkStorage() {
        if (kind() == RegionKind.DEVDAX) {
            return; // has no end to seek to, and cannot be cut
        }
        long fileBytes = descriptor.sizeBytes();
        if (fileBytes < sizeBytes) {
            NativeMemory.awaitFault();
            String found = fileBytes < 0 ? "has no size" : "was cut to " + fileBytes + " bytes";
            throw new MediaErrorException(
                    description() + ": the region " + found + " while in use, of " + sizeBytes);
        }
    }

    @Override
    public boolean isUnlinked() {
        if (kind() == RegionKind.MEMFD || kind() == RegionKind.DEVDAX) {
            return false; // has no name, or is no file
        }
        try {
            return descriptor.linkCount() == 0;
        } catch (FsException e) {
            LOG.debug("region_not_looked_at region={}", description(), e);
            return false;
        }
    }

    @Override
    public void punch(long offset, long lengthBytes) {
        at(offset, lengthBytes);
        long start = (offset + PAGE_BYTES - 1) & -PAGE_BYTES;
        long end = (offset + lengthBytes) & -PAGE_BYTES;
        if (start >= end || readOnly() || !punchSupported) {
            return;
        }
        int mode = Libc.FALLOC_FL_PUNCH_HOLE | Libc.FALLOC_FL_KEEP_SIZE;
        if (Libc.C.fallocate(descriptor.fd(), mode, start, end - start) < 0) {
            Errno errno = Libc.lastErrno();
            punchSupported = errno != Errno.EOPNOTSUPP && errno != Errno.ENOSYS;
            LOG.debug(
                    "region_punch_failed region={} offset={} errno={}",
                    description(),
                    start,
                    errno.name());
        }
    }

    @Override
    public synchronized void close() {
        if (accessibleBytes == CLOSED) {
            return;
        }
        accessibleBytes = CLOSED;
        hostStorage.release();
        mapping.unmap();
        descriptor.close();
    }

    /** The address of a range that is to be read, and can be. */
    private long load(long offset, long lengthBytes) {
        long from = at(offset, lengthBytes);
        if (badBlocks.any()) {
            badBlocks.checkLoad(description(), offset, lengthBytes);
        }
        return from;
    }

    /** The address of a range that is to be stored into. */
    private long store(long offset, long lengthBytes) {
        long to = at(offset, lengthBytes);
        if (badBlocks.any()) {
            badBlocks.checkStore(description(), offset, lengthBytes);
        }
        if (privateUnits != null) {
            privateUnits.make(offset, lengthBytes);
        }
        return to;
    }

    /** The address of a range that lies within the region; the one check before every access. */
    private long at(long offset, long lengthBytes) {
        // No overflow: accessibleBytes is at least -1 and lengthBytes, once compared, at least 0.
        if (offset < 0 || lengthBytes < 0 || offset > accessibleBytes - lengthBytes) {
            throw refused(offset, lengthBytes);
        }
        return address + offset;
    }

    private RuntimeException refused(long offset, long lengthBytes) {
        if (accessibleBytes == CLOSED) {
            return new IllegalStateException(description() + ": closed");
        }
        return new IndexOutOfBoundsException(
                description()
                        + ": offset="
                        + offset
                        + " length_bytes="
                        + lengthBytes
                        + " size_bytes="
                        + sizeBytes);
    }
}
