package io.fusedax.mount;

import io.fusedax.backing.FsException;
import io.fusedax.backing.region.BadBlocks;
import io.fusedax.backing.region.FlushMechanism;
import io.fusedax.backing.region.RegionKind;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import jnr.constants.platform.Errno;

/**
 * The client's side of a mount, for the command line: asks the daemon that serves a path through
 * {@link ControlProtocol}, and unmounts.
 */
public final class MountControl {
    private static final int ENOTCONN = 107;

    private MountControl() {}

    /**
     * Who serves a path.
     *
     * @param protocolVersion {@link ControlProtocol#VERSION} of the daemon
     * @param processId of the daemon
     * @param volumeUuid of the mounted volume
     * @param readOnly whether the volume refuses changes, also because it failed
     * @param transport how the kernel's requests reach the daemon
     * @param regionKind what the region lies on; empty when it is a newer daemon's kind
     * @param flushMechanism what makes stores durable; empty as before
     * @param alignmentBytes the page size of direct mappings
     */
    public record Server(
            int protocolVersion,
            long processId,
            UUID volumeUuid,
            boolean readOnly,
            TransportKind transport,
            Optional<RegionKind> regionKind,
            Optional<FlushMechanism> flushMechanism,
            long alignmentBytes) {}

    /**
     * One counter.
     *
     * @param key as in {@link io.fusedax.backing.Counter#key}
     * @param unit "count", "bytes" or "nanoseconds"
     */
    public record Statistic(String key, String unit, long value) {}

    /**
     * One contiguous piece of a file.
     *
     * @param logicalBytes offset in the file
     * @param physicalBytes offset in the region
     * @param unwritten allocated, but reads as zeros
     */
    public record FileExtent(
            long logicalBytes, long physicalBytes, long lengthBytes, boolean unwritten) {}

    /**
     * Asks who serves a path.
     *
     * @param path a file or directory
     * @return empty if it does not lie on a mount of ours
     * @throws FsException if the path cannot be opened (ENOENT, EACCES, ENOTCONN, ...)
     */
    public static Optional<Server> server(Path path) throws FsException {
        try (Descriptor descriptor = new Descriptor(path, false)) {
            long answer = Memory.allocate(ControlProtocol.Hello.SIZE_BYTES);
            try {
                if (!descriptor.tryIoctl(ControlProtocol.HELLO, answer)
                        || Memory.getLong(answer + ControlProtocol.Hello.MAGIC)
                                != ControlProtocol.MAGIC) {
                    return Optional.empty();
                }
                long uuid = answer + ControlProtocol.Hello.UUID;
                return Optional.of(
                        new Server(
                                Memory.getInt(answer + ControlProtocol.Hello.VERSION),
                                Memory.getInt(answer + ControlProtocol.Hello.PROCESS_ID),
                                new UUID(
                                        Long.reverseBytes(Memory.getLong(uuid)),
                                        Long.reverseBytes(Memory.getLong(uuid + Long.BYTES))),
                                Memory.getInt(answer + ControlProtocol.Hello.READ_ONLY) != 0,
                                Memory.getInt(answer + ControlProtocol.Hello.TRANSPORT) == 0
                                        ? TransportKind.JNR_FUSE
                                        : TransportKind.NATIVE,
                                named(
                                        RegionKind.values(),
                                        Memory.getByte(answer + ControlProtocol.Hello.REGION_KIND)),
                                named(
                                        FlushMechanism.values(),
                                        Memory.getByte(answer + ControlProtocol.Hello.FLUSH)),
                                1L << Memory.getByte(answer + ControlProtocol.Hello.UNIT_SHIFT)));
            } finally {
                Memory.free(answer);
            }
        }
    }

    private static <T> Optional<T> named(T[] values, int ordinal) {
        return ordinal >= 0 && ordinal < values.length
                ? Optional.of(values[ordinal])
                : Optional.empty();
    }

    /** All counters of the mount that a path lies on. */
    public static List<Statistic> statistics(Path path) throws FsException {
        return statistics(path, ControlProtocol.STATISTICS);
    }

    /** What direct mappings of one file did; all zero when it was not mapped lately. */
    public static List<Statistic> fileStatistics(Path file) throws FsException {
        return statistics(file, ControlProtocol.FILE_STATISTICS);
    }

    private static List<Statistic> statistics(Path path, int command) throws FsException {
        requireServer(path);
        long answer = Memory.allocate(ControlProtocol.Statistics.SIZE_BYTES);
        try (Descriptor descriptor = new Descriptor(path, false)) {
            descriptor.ioctl(command, answer);
            List<Statistic> statistics = new ArrayList<>();
            int count = Memory.getInt(answer + ControlProtocol.Statistics.COUNT);
            long entry = answer + ControlProtocol.Statistics.ENTRIES;
            for (int i = 0; i < count; i++) {
                byte[] key = new byte[Memory.getByte(entry + 1)];
                Memory.get(entry + 2, key, 0, key.length);
                statistics.add(
                        new Statistic(
                                new String(key, StandardCharsets.US_ASCII),
                                unit(Memory.getByte(entry)),
                                Memory.getLong(entry + 2 + key.length)));
                entry += 2 + key.length + Long.BYTES;
            }
            return statistics;
        } finally {
            Memory.free(answer);
        }
    }

    private static String unit(byte code) {
        switch (code) {
            case 0:
                return "count";
            case 1:
                return "bytes";
            default:
                return "nanoseconds";
        }
    }

    /** Commits everything on the mount that a path lies on; durable when this returns. */
    public static void sync(Path path) throws FsException {
        requireServer(path);
        try (Descriptor descriptor = new Descriptor(path, false)) {
            descriptor.ioctl(ControlProtocol.SYNC, 0);
        }
    }

    /**
     * Commits what one file needs to be found after a crash.
     *
     * @return whether there was anything to commit
     */
    public static boolean commit(Path file) throws FsException {
        requireServer(file);
        long answer = Memory.allocate(ControlProtocol.CommitInode.SIZE_BYTES);
        try (Descriptor descriptor = new Descriptor(file, false)) {
            descriptor.ioctl(ControlProtocol.COMMIT_INODE, answer);
            return Memory.getInt(answer + ControlProtocol.CommitInode.COMMITTED) != 0;
        } finally {
            Memory.free(answer);
        }
    }

    /** Where a file's data lies, in file order; holes are left out. */
    public static List<FileExtent> extents(Path file) throws FsException {
        requireServer(file);
        List<FileExtent> extents = new ArrayList<>();
        long answer = Memory.allocate(ControlProtocol.Extents.SIZE_BYTES);
        try (Descriptor descriptor = new Descriptor(file, false)) {
            long start = 0;
            boolean last = false;
            while (!last) {
                Memory.putLong(answer + ControlProtocol.Extents.START, start);
                descriptor.ioctl(ControlProtocol.EXTENTS, answer);
                int count = Memory.getInt(answer + ControlProtocol.Extents.COUNT);
                last = Memory.getInt(answer + ControlProtocol.Extents.LAST) != 0 || count == 0;
                long entry = answer + ControlProtocol.Extents.ENTRIES;
                for (int i = 0; i < count; i++) {
                    FileExtent extent = readExtent(entry);
                    extents.add(extent);
                    start = extent.logicalBytes() + extent.lengthBytes();
                    entry += ControlProtocol.Extent.SIZE_BYTES;
                }
            }
            return extents;
        } finally {
            Memory.free(answer);
        }
    }

    /**
     * Makes units of the region fail, or good again.
     *
     * @param path on the mount
     * @param offset in the region, bytes
     * @param clear make good, without overwriting: what they held is there again
     * @throws FsException EPERM for all but root and who mounted, EINVAL for a range outside
     */
    public static void injectError(Path path, long offset, long lengthBytes, boolean clear)
            throws FsException {
        requireServer(path);
        long argument = Memory.allocate(ControlProtocol.InjectError.SIZE_BYTES);
        try (Descriptor descriptor = new Descriptor(path, false)) {
            Memory.zero(argument, ControlProtocol.InjectError.SIZE_BYTES);
            Memory.putLong(argument + ControlProtocol.InjectError.OFFSET, offset);
            Memory.putLong(argument + ControlProtocol.InjectError.LENGTH, lengthBytes);
            Memory.putInt(
                    argument + ControlProtocol.InjectError.FLAGS,
                    clear ? ControlProtocol.InjectError.FLAG_CLEAR : 0);
            descriptor.ioctl(ControlProtocol.INJECT_ERROR, argument);
        } finally {
            Memory.free(argument);
        }
    }

    /** The units of the region that fail, in order. */
    public static List<BadBlocks.Range> badBlocks(Path path) throws FsException {
        requireServer(path);
        List<BadBlocks.Range> ranges = new ArrayList<>();
        long answer = Memory.allocate(ControlProtocol.BadBlocks.SIZE_BYTES);
        try (Descriptor descriptor = new Descriptor(path, false)) {
            long start = 0;
            boolean last = false;
            while (!last) {
                Memory.putLong(answer + ControlProtocol.BadBlocks.START, start);
                descriptor.ioctl(ControlProtocol.BAD_BLOCKS, answer);
                int count = Memory.getInt(answer + ControlProtocol.BadBlocks.COUNT);
                last = Memory.getInt(answer + ControlProtocol.BadBlocks.LAST) != 0 || count == 0;
                long entry = answer + ControlProtocol.BadBlocks.ENTRIES;
                for (int i = 0; i < count; i++) {
                    long offset = Memory.getLong(entry + ControlProtocol.Range.OFFSET);
                    long length = Memory.getLong(entry + ControlProtocol.Range.LENGTH);
                    ranges.add(new BadBlocks.Range(offset, length));
                    start = offset + length;
                    entry += ControlProtocol.Range.SIZE_BYTES;
                }
            }
            return ranges;
        } finally {
            Memory.free(answer);
        }
    }

    /** What is wrong with the volume or its region, in words; empty: nothing that is known. */
    public static Optional<String> problem(Path path) throws FsException {
        requireServer(path);
        long answer = Memory.allocate(ControlProtocol.Problem.SIZE_BYTES);
        try (Descriptor descriptor = new Descriptor(path, false)) {
            descriptor.ioctl(ControlProtocol.PROBLEM, answer);
            byte[] text = new byte[Memory.getInt(answer + ControlProtocol.Problem.TEXT_BYTES)];
            Memory.get(answer + ControlProtocol.Problem.TEXT, text, 0, text.length);
            return text.length == 0
                    ? Optional.empty()
                    : Optional.of(new String(text, StandardCharsets.UTF_8));
        } finally {
            Memory.free(answer);
        }
    }

    private static FileExtent readExtent(long entry) {
        return new FileExtent(
                Memory.getLong(entry + ControlProtocol.Extent.LOGICAL),
                Memory.getLong(entry + ControlProtocol.Extent.PHYSICAL),
                Memory.getLong(entry + ControlProtocol.Extent.LENGTH),
                (Memory.getInt(entry + ControlProtocol.Extent.FLAGS)
                                & ControlProtocol.Extent.FLAG_UNWRITTEN)
                        != 0);
    }

    /** Takes a range out of a file; what follows moves up. Bytes, multiples of 4096. */
    public static void collapseRange(Path file, long offset, long length) throws FsException {
        moveRange(file, ControlProtocol.COLLAPSE_RANGE, offset, length);
    }

    /** Makes room in a file; what follows moves down. Bytes, multiples of 4096. */
    public static void insertRange(Path file, long offset, long length) throws FsException {
        moveRange(file, ControlProtocol.INSERT_RANGE, offset, length);
    }

    private static void moveRange(Path file, int command, long offset, long length)
            throws FsException {
        requireServer(file);
        long argument = Memory.allocate(ControlProtocol.Range.SIZE_BYTES);
        try (Descriptor descriptor = new Descriptor(file, true)) {
            Memory.putLong(argument + ControlProtocol.Range.OFFSET, offset);
            Memory.putLong(argument + ControlProtocol.Range.LENGTH, length);
            descriptor.ioctl(command, argument);
        } finally {
            Memory.free(argument);
        }
    }

    /**
     * Unmounts a mount of ours and waits until its daemon has committed and ended. A stale mount,
     * whose daemon is dead, is cleared.
     *
     * @param detach also when it is in use
     * @param timeoutSeconds how long to wait for the daemon
     * @throws FsException EINVAL if nothing of ours is mounted there, EBUSY if it is in use, EPERM,
     *     ETIMEDOUT if the daemon did not end in time
     */
    public static void unmount(Path mountPoint, boolean detach, long timeoutSeconds)
            throws FsException {
        if (clearStale(mountPoint)) {
            return;
        }
        Server server = requireServer(mountPoint);
        Optional<ProcessHandle> daemon = ProcessHandle.of(server.processId());
        int errno = Unmounter.unmountErrno(mountPoint, detach);
        if (errno != 0) {
            throw Libc.failure("unmount " + mountPoint, errno);
        }
        boolean own = server.processId() == ProcessHandle.current().pid();
        if (daemon.isPresent() && !own) {
            awaitEnd(daemon.get(), timeoutSeconds);
        }
    }

    private static void awaitEnd(ProcessHandle daemon, long timeoutSeconds) throws FsException {
        try {
            daemon.onExit().get(timeoutSeconds, TimeUnit.SECONDS);
        } catch (TimeoutException e) {
            throw new FsException(
                    Errno.ETIMEDOUT,
                    "unmounted here, but process "
                            + daemon.pid()
                            + " has not ended: another mount namespace may still use the volume");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new FsException(Errno.EINTR, "interrupted");
        } catch (java.util.concurrent.ExecutionException e) {
            throw new FsException(Errno.EIO, "waiting for process " + daemon.pid(), e);
        }
    }

    /** Whether a path is a FUSE mount whose daemon is dead: every call on it fails ENOTCONN. */
    public static boolean isStale(Path mountPoint) {
        Libc libc = Libc.load();
        int fd = libc.open(CStringVector.path(mountPoint), Libc.O_RDONLY | Libc.O_CLOEXEC);
        if (fd >= 0) {
            libc.close(fd);
            return false;
        }
        return Libc.errno() == ENOTCONN;
    }

    /**
     * Unmounts a mount of ours whose daemon is dead.
     *
     * @return false if there is none
     * @throws FsException if there is one and it cannot be unmounted
     */
    public static boolean clearStale(Path mountPoint) throws FsException {
        if (!isStale(mountPoint) || !MountTable.isOurs(mountPoint)) {
            return false;
        }
        int errno = Unmounter.unmountErrno(mountPoint, true);
        if (errno != 0) {
            throw Libc.failure("unmount " + mountPoint, errno);
        }
        return true;
    }

    private static Server requireServer(Path path) throws FsException {
        Server server =
                server(path)
                        .orElseThrow(
                                () ->
                                        new FsException(
                                                Errno.EINVAL, path + ": not on a fuse-dax mount"));
        if (server.protocolVersion() != ControlProtocol.VERSION) {
            throw new FsException(
                    Errno.EPROTO,
                    path
                            + ": served by another version, protocol "
                            + server.protocolVersion()
                            + " instead of "
                            + ControlProtocol.VERSION);
        }
        return server;
    }

    /** An open file or directory. */
    private static final class Descriptor implements AutoCloseable {
        private final Libc libc = Libc.load();
        private final int fd;

        Descriptor(Path path, boolean writable) throws FsException {
            int flags = (writable ? Libc.O_RDWR : Libc.O_RDONLY) | Libc.O_NONBLOCK;
            fd = libc.open(CStringVector.path(path), flags | Libc.O_CLOEXEC);
            if (fd < 0) {
                throw Libc.failure("open " + path, Libc.errno());
            }
        }

        boolean tryIoctl(int command, long argument) {
            return libc.ioctl(fd, command & 0xFFFFFFFFL, argument) >= 0;
        }

        void ioctl(int command, long argument) throws FsException {
            if (!tryIoctl(command, argument)) {
                throw Libc.failure("ioctl 0x" + Integer.toHexString(command), Libc.errno());
            }
        }

        @Override
        public void close() {
            libc.close(fd);
        }
    }
}
