package io.fusedax.backing.region;

import io.fusedax.backing.Counters;
import io.fusedax.backing.FsException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import jnr.constants.platform.Errno;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Opens regions, choosing the kind by what the path is.
 *
 * <p>What a region is made of is answered in four separate steps, so that a new kind changes only
 * its own answer: which kind, how big, how mapped, how persisted.
 */
public final class Regions {
    /** A path that starts so makes new anonymous memory of the name that follows. */
    public static final String MEMFD_PREFIX = "memfd:";

    private static final Logger LOG = LoggerFactory.getLogger(Regions.class);
    private static final Path BLOCK_DEVICES = Path.of("/sys/dev/block");
    private static final int TYPE_FIFO = 0010000;
    private static final int TYPE_CHARACTER_DEVICE = 0020000;
    private static final int TYPE_DIRECTORY = 0040000;
    private static final int TYPE_BLOCK_DEVICE = 0060000;
    private static final int TYPE_FILE = 0100000;
    private static final int TYPE_SOCKET = 0140000;

    private Regions() {}

    /** As {@link #open(Path, RegionOptions, Counters)} with counters of its own. */
    public static Region open(Path path, RegionOptions options) throws FsException {
        return open(path, options, new Counters());
    }

    /**
     * Opens a region and locks it: one writer alone, or any number of read-only openers. The lock
     * ends with {@link Region#close} or the process.
     *
     * <p>The path is a file, {@code /dev/daxX.Y}, {@code /proc/PID/fd/N} for the memfd of another
     * process, or {@code memfd:NAME} for new anonymous memory. A file this process may not write is
     * opened read-only, unless it is to be created. The size is the file's, rounded down to {@link
     * Region#PAGE_BYTES}. A created file belongs to its owner alone (mode 0600) and its size is
     * durable.
     *
     * @throws FsException EBUSY with the pid of the holder; ENOENT; EACCES; EISDIR; EEXIST if the
     *     file already has bytes and another size than is to be created; ENOSPC or EFBIG if it
     *     cannot get its size; EINVAL if it is too small, no size was given, the name is no memfd
     *     name, or options contradict each other; EOPNOTSUPP for everything else that is neither
     *     file nor device-dax; for persistent memory as a block device with the commands that make
     *     it usable
     */
    public static Region open(Path path, RegionOptions options, Counters counters)
            throws FsException {
        checkOptions(path, options);
        if (path.toString().startsWith(MEMFD_PREFIX)) {
            return openMemfd(path.toString().substring(MEMFD_PREFIX.length()), options, counters);
        }
        return openFile(path, options, counters);
    }

    private static Region openMemfd(String name, RegionOptions options, Counters counters)
            throws FsException {
        if (options.createSizeBytes() == 0) {
            throw new FsException(Errno.EINVAL, MEMFD_PREFIX + name + ": new memory needs a size");
        }
        Descriptor descriptor = Descriptor.memfd(name);
        try {
            RegionLock.acquire(descriptor, false);
            giveSize(descriptor, options);
            Path path = descriptor.publicPath();
            return map(descriptor, path, RegionKind.MEMFD, false, options.persistMode(), counters);
        } catch (FsException | RuntimeException | Error e) {
            descriptor.close();
            throw e;
        }
    }

    private static Region openFile(Path path, RegionOptions options, Counters counters)
            throws FsException {
        boolean created = options.createSizeBytes() > 0 && Files.notExists(path);
        Opened opened =
                created ? new Opened(Descriptor.create(path), false) : openExisting(path, options);
        Descriptor descriptor = opened.descriptor();
        boolean locked = false;
        try {
            RegionLock.acquire(descriptor, opened.readOnly());
            locked = true;
            RegionKind kind = kindOf(descriptor);
            if (options.createSizeBytes() > 0 && kind == RegionKind.DEVDAX) {
                checkSize(descriptor, options);
            } else if (options.createSizeBytes() > 0) {
                giveSize(descriptor, options);
                syncName(path, descriptor, kind);
            }
            Path absolute = path.toAbsolutePath();
            return map(
                    descriptor, absolute, kind, opened.readOnly(), options.persistMode(), counters);
        } catch (FsException | RuntimeException | Error e) {
            if (created && locked) { // without the lock it may be someone else's by now
                deleteQuietly(path);
            }
            descriptor.close();
            throw e;
        }
    }

    private record Opened(Descriptor descriptor, boolean readOnly) {}

    private static Opened openExisting(Path path, RegionOptions options) throws FsException {
        try (Descriptor name = Descriptor.openName(path)) {
            checkType(name);
            if (!options.readOnly()) {
                try {
                    return new Opened(name.reopen(Libc.O_RDWR), false);
                } catch (FsException e) {
                    if (!isForbidden(e.errno()) || options.createSizeBytes() > 0) {
                        throw e;
                    }
                    LOG.info("region_read_only path={} reason={}", path, e.errno().name());
                }
            }
            return new Opened(name.reopen(Libc.O_RDONLY), true);
        }
    }

    private static boolean isForbidden(Errno errno) {
        return errno == Errno.EACCES || errno == Errno.EPERM || errno == Errno.EROFS;
    }

    private static Region map(
            Descriptor descriptor,
            Path path,
            RegionKind kind,
            boolean readOnly,
            PersistMode persistMode,
            Counters counters)
            throws FsException {
        DaxDevice device = kind == RegionKind.DEVDAX ? deviceOf(descriptor) : null;
        long bytes = device == null ? descriptor.status().sizeBytes() : device.sizeBytes();
        int alignmentBytes = device == null ? Region.PAGE_BYTES : device.alignmentBytes();
        long sizeBytes = bytes & -(long) alignmentBytes;
        if (sizeBytes < Region.PAGE_BYTES) {
            throw new FsException(
                    Errno.EINVAL,
                    descriptor.name()
                            + ": too small for a region: size_bytes="
                            + bytes
                            + ", at least "
                            + alignmentBytes);
        }
        Mapping mapping =
                Mapping.map(descriptor, sizeBytes, alignmentBytes, sharing(kind, readOnly));
        try {
            if (kind.isMemory() && !readOnly && !mapping.adviseHugePages()) {
                LOG.debug("region_no_huge_pages path={}", path);
            }
            Persistence persistence =
                    persistence(kind, descriptor, mapping, readOnly, persistMode, counters);
            String description = kind == RegionKind.MEMFD ? descriptor.name() : path.toString();
            MappedRegion.Identity identity =
                    new MappedRegion.Identity(
                            kind, description, path, readOnly, sizeBytes, alignmentBytes);
            return new MappedRegion(identity, descriptor, mapping, persistence, counters);
        } catch (FsException | RuntimeException | Error e) {
            mapping.unmap();
            throw e;
        }
    }

    private static Mapping.Sharing sharing(RegionKind kind, boolean readOnly) {
        return switch (kind) {
            case DEVDAX -> readOnly ? Mapping.Sharing.READ : Mapping.Sharing.SHARED;
            case FSDAX -> readOnly ? Mapping.Sharing.PRIVATE : Mapping.Sharing.SYNC;
            default -> readOnly ? Mapping.Sharing.PRIVATE : Mapping.Sharing.SHARED;
        };
    }

    private static Persistence persistence(
            RegionKind kind,
            Descriptor descriptor,
            Mapping mapping,
            boolean readOnly,
            PersistMode mode,
            Counters counters)
            throws FsException {
        if (mode == PersistMode.MSYNC && kind == RegionKind.DEVDAX) {
            throw new FsException(
                    Errno.EINVAL, descriptor.name() + ": a device-dax has no msync: use cpu");
        }
        if (mode == PersistMode.MSYNC || mode == PersistMode.AUTO && kind == RegionKind.FILE) {
            MappedMedia media = new MappedMedia(descriptor, mapping);
            return new MsyncPersistence(media, NativeMemory.pageBytes(), counters);
        }
        if (readOnly || !needsCacheWriteBack(kind, descriptor)) {
            return new CpuPersistence();
        }
        return new CacheLinePersistence(CacheWriteBack.best(), mapping.address());
    }

    private static boolean needsCacheWriteBack(RegionKind kind, Descriptor descriptor)
            throws FsException {
        return kind.isDax() && domainOf(kind, descriptor) != PersistenceDomain.CPU_CACHE;
    }

    /** What {@link PersistMode#AUTO} comes down to for a writable region. */
    static FlushMechanism automaticMechanism(RegionKind kind, Descriptor descriptor)
            throws FsException {
        if (kind == RegionKind.FILE) {
            return FlushMechanism.MSYNC;
        }
        return needsCacheWriteBack(kind, descriptor)
                ? CacheWriteBack.best().mechanism()
                : FlushMechanism.FENCE;
    }

    private static PersistenceDomain domainOf(RegionKind kind, Descriptor descriptor)
            throws FsException {
        Descriptor.Status status = descriptor.status();
        return kind == RegionKind.DEVDAX
                ? PersistenceDomain.of(deviceOf(descriptor).folder())
                : PersistenceDomain.of(
                        BLOCK_DEVICES.resolve(DeviceNumbers.toString(status.device())));
    }

    static DaxDevice deviceOf(Descriptor descriptor) throws FsException {
        return DaxDevice.of(descriptor.status().specialDevice())
                .orElseThrow(
                        () ->
                                new FsException(
                                        Errno.ENODEV, descriptor.name() + ": the device has gone"));
    }

    static RegionKind kindOf(Descriptor descriptor) throws FsException {
        if (descriptor.status().type() == TYPE_CHARACTER_DEVICE) {
            return RegionKind.DEVDAX;
        }
        if (descriptor.fileSystemType() != Libc.TMPFS_MAGIC) {
            return Mapping.canSync(descriptor) ? RegionKind.FSDAX : RegionKind.FILE;
        }
        try { // a memfd is a nameless file on a tmpfs of the kernel's own
            boolean memfd =
                    Files.readSymbolicLink(descriptor.selfPath()).toString().startsWith("/memfd:");
            return memfd ? RegionKind.MEMFD : RegionKind.TMPFS;
        } catch (IOException e) {
            throw new FsException(Errno.EIO, descriptor.name() + ": cannot read /proc/self/fd", e);
        }
    }

    private static void checkSize(Descriptor device, RegionOptions options) throws FsException {
        long sizeBytes = deviceOf(device).sizeBytes();
        if (sizeBytes != options.createSizeBytes()) {
            throw new FsException(
                    Errno.EINVAL,
                    device.name()
                            + ": a device keeps its size: size_bytes="
                            + sizeBytes
                            + " wanted_bytes="
                            + options.createSizeBytes());
        }
    }

    private static void giveSize(Descriptor descriptor, RegionOptions options) throws FsException {
        long wantedBytes = roundDown(options.createSizeBytes());
        long presentBytes = descriptor.status().sizeBytes();
        if (presentBytes > 0 && options.overwrite()) {
            descriptor.truncate(0);
            presentBytes = 0;
        }
        if (presentBytes > 0 && presentBytes != wantedBytes) {
            throw new FsException(
                    Errno.EEXIST,
                    descriptor.name()
                            + ": exists with another size: size_bytes="
                            + presentBytes
                            + " wanted_bytes="
                            + wantedBytes);
        }
        descriptor.truncate(wantedBytes);
        if (options.preallocate()) {
            descriptor.allocate(wantedBytes);
        }
    }

    /** A durable volume in a file whose name or size is lost would be lost too. */
    private static void syncName(Path path, Descriptor descriptor, RegionKind kind)
            throws FsException {
        if (kind.isMemory()) {
            return;
        }
        descriptor.sync();
        try (Descriptor parent = Descriptor.openName(path.toAbsolutePath().getParent());
                Descriptor directory = parent.reopen(Libc.O_RDONLY)) {
            directory.sync();
        }
    }

    private static void checkOptions(Path path, RegionOptions options) throws FsException {
        long createBytes = options.createSizeBytes();
        String problem = null;
        if (createBytes != 0 && createBytes < Region.PAGE_BYTES) {
            problem =
                    "too small for a region: wanted_bytes="
                            + createBytes
                            + ", at least "
                            + Region.PAGE_BYTES;
        } else if (createBytes > 0 && options.readOnly()) {
            problem = "cannot be created read-only";
        } else if (createBytes == 0 && (options.overwrite() || options.preallocate())) {
            problem = "size not given";
        }
        if (problem != null) {
            throw new FsException(Errno.EINVAL, path + ": " + problem);
        }
    }

    static void checkType(Descriptor name) throws FsException {
        switch (name.status().type()) {
            case TYPE_FILE:
                return;
            case TYPE_DIRECTORY:
                throw new FsException(Errno.EISDIR, name.name() + ": is a directory, not a region");
            case TYPE_BLOCK_DEVICE:
                throw BlockDevices.refused(name);
            case TYPE_CHARACTER_DEVICE:
                if (DaxDevice.of(name.status().specialDevice()).isPresent()) {
                    return;
                }
                throw notSupported(name, "a character device, but no device-dax");
            case TYPE_FIFO:
                throw notSupported(name, "a FIFO");
            case TYPE_SOCKET:
                throw notSupported(name, "a socket");
            default:
                throw notSupported(name, "neither file nor device");
        }
    }

    private static FsException notSupported(Descriptor name, String what) {
        return new FsException(
                Errno.EOPNOTSUPP,
                name.name() + ": is " + what + ", which is not supported as a region");
    }

    private static void deleteQuietly(Path path) {
        try {
            Files.deleteIfExists(path);
        } catch (IOException e) {
            LOG.warn("region_left_behind path={} reason={}", path, e.getMessage());
        }
    }

    private static long roundDown(long sizeBytes) {
        return sizeBytes & -Region.PAGE_BYTES;
    }
}
