package io.fusedax.backing.region;

import io.fusedax.backing.FsException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import jnr.constants.platform.Errno;

/**
 * Keeps a second opener out of a region: flock(2) on its descriptor, which the kernel drops however
 * the holder dies. One writer alone, or any number of readers.
 */
final class RegionLock {
    private static final Path HELD_LOCKS = Path.of("/proc/locks");

    /** {@code 1: FLOCK ADVISORY WRITE 1234 fd:01:5678 0 EOF}; device numbers are hexadecimal. */
    private static final Pattern FLOCK_LINE =
            Pattern.compile("\\d+: FLOCK +\\S+ +\\S+ +(\\d+) ([0-9a-f]+):([0-9a-f]+):(\\d+) .*");

    private RegionLock() {}

    /**
     * Locks the file until the descriptor is closed.
     *
     * @param shared with other readers, or alone
     * @throws FsException EBUSY, naming the processes that hold it
     */
    static void acquire(Descriptor descriptor, boolean shared) throws FsException {
        int operation = (shared ? Libc.LOCK_SH : Libc.LOCK_EX) | Libc.LOCK_NB;
        while (Libc.C.flock(descriptor.fd(), operation) < 0) {
            Errno errno = Libc.lastErrno();
            if (errno == Errno.EINTR) {
                continue;
            }
            if (errno == Errno.EAGAIN || errno == Errno.EWOULDBLOCK) {
                throw new FsException(
                        Errno.EBUSY,
                        descriptor.name() + ": in use by " + holders(descriptor.status()));
            }
            throw Descriptor.failed(errno, descriptor.name(), "lock");
        }
    }

    private static String holders(Descriptor.Status status) {
        List<String> lines;
        try {
            lines = Files.readAllLines(HELD_LOCKS);
        } catch (IOException e) {
            lines = List.of();
        }
        List<Long> pids = holders(lines, status.device(), status.inode());
        if (pids.isEmpty()) {
            return "another process"; // gone by now, or not visible from this pid namespace
        }
        String list = pids.stream().map(String::valueOf).collect(Collectors.joining(", "));
        return (pids.size() == 1 ? "process " : "processes ") + list;
    }

    /** The processes that {@code /proc/locks} says hold a flock on the file. */
    static List<Long> holders(List<String> lines, long device, long inode) {
        return lines.stream()
                .map(FLOCK_LINE::matcher)
                .filter(Matcher::matches)
                .filter(
                        line ->
                                Long.parseLong(line.group(2), 16) == DeviceNumbers.major(device)
                                        && Long.parseLong(line.group(3), 16)
                                                == DeviceNumbers.minor(device)
                                        && Long.parseUnsignedLong(line.group(4)) == inode)
                .map(line -> Long.parseLong(line.group(1)))
                .filter(pid -> pid > 0)
                .distinct()
                .toList();
    }
}
