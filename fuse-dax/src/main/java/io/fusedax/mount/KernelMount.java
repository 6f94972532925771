package io.fusedax.mount;

import io.fusedax.backing.FsException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import jnr.constants.platform.Errno;

/**
 * Mounts without libfuse: by mount(2) where that is allowed, otherwise through fusermount3, which
 * passes the device's descriptor over a socket.
 */
final class KernelMount {
    private static final byte[] DEVICE = "/dev/fuse\0".getBytes(CStringVector.NATIVE);
    private static final String TYPE = "fuse.fusedax";
    private static final List<String> HELPERS = List.of("fusermount3", "fusermount");
    private static final int EPERM = 1;

    private static final int AF_UNIX = 1;
    private static final int SOCK_STREAM = 1;

    private final Libc libc = Libc.load();
    private final MountOptions options;
    private final MountArguments arguments;

    KernelMount(MountOptions options, boolean volumeReadOnly) {
        this.options = options;
        this.arguments = new MountArguments(options, volumeReadOnly);
    }

    /**
     * Mounts.
     *
     * @return the device's descriptor
     */
    int mount(Path mountPoint) throws FsException {
        int device = libc.open(DEVICE, Libc.O_RDWR | Libc.O_CLOEXEC);
        if (device < 0) {
            throw Libc.failure("/dev/fuse", Libc.errno());
        }
        if (libc.geteuid() == 0) {
            int errno = mount(device, mountPoint);
            if (errno == 0) {
                return device;
            }
            if (errno != EPERM) {
                libc.close(device);
                throw Libc.failure("mount on " + mountPoint, errno);
            }
        }
        libc.close(device); // the helper opens its own
        return mountByHelper(mountPoint);
    }

    private int mount(int device, Path mountPoint) {
        String data = arguments.kernelOptions(device, libc.geteuid(), libc.getegid());
        int result =
                libc.mount(
                        (options.sourceName() + '\0').getBytes(CStringVector.NATIVE),
                        CStringVector.path(mountPoint),
                        (TYPE + '\0').getBytes(CStringVector.NATIVE),
                        arguments.kernelFlags(),
                        (data + '\0').getBytes(CStringVector.NATIVE));
        return result == 0 ? 0 : Libc.errno();
    }

    private int mountByHelper(Path mountPoint) throws FsException {
        String helper =
                HELPERS.stream()
                        .filter(KernelMount::isOnPath)
                        .findFirst()
                        .orElseThrow(
                                () -> MountPointCheck.refused(mountPoint, libc.geteuid() == 0));
        long sockets = Memory.allocate(2L * Integer.BYTES);
        try {
            if (libc.socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) != 0) {
                throw Libc.failure("socketpair", Libc.errno());
            }
            int ours = Memory.getInt(sockets);
            int theirs = Memory.getInt(sockets + Integer.BYTES);
            try {
                int status = run(helper, theirs, mountPoint);
                libc.close(theirs); // so that the end is seen where nothing was sent
                theirs = -1;
                int device = status == 0 ? receiveDevice(ours) : -1;
                if (device < 0) {
                    throw MountPointCheck.refused(mountPoint, libc.geteuid() == 0);
                }
                return device;
            } finally {
                libc.close(ours);
                if (theirs >= 0) {
                    libc.close(theirs);
                }
            }
        } finally {
            Memory.free(sockets);
        }
    }

    /** The helper sends one byte with it; -1: it sent nothing. */
    private static int receiveDevice(int socket) {
        IncomingMessage message = new IncomingMessage();
        long body = Memory.allocate(1);
        try {
            return message.receive(socket, body, 1, true) > 0 ? message.takeDescriptor() : -1;
        } finally {
            message.free();
            Memory.free(body);
        }
    }

    private int run(String helper, int socket, Path mountPoint) throws FsException {
        List<String> words = new ArrayList<>();
        words.add("_FUSE_COMMFD=" + socket);
        words.add("exec");
        words.add(helper);
        words.add("-o");
        words.add(quote(String.join(",", arguments.helperOptions())));
        words.add("--");
        words.add(quote(mountPoint.toString()));
        String command = String.join(" ", words);
        int status = libc.system((command + '\0').getBytes(CStringVector.NATIVE));
        if (status == -1) {
            throw new FsException(Errno.EAGAIN, "no process for " + helper);
        }
        return status;
    }

    /** One word of a shell's. */
    private static String quote(String word) {
        return "'" + word.replace("'", "'\\''") + "'";
    }

    private static boolean isOnPath(String program) {
        String path = System.getenv().getOrDefault("PATH", "/usr/bin:/bin");
        return Stream.of(path.split(":"))
                .anyMatch(folder -> java.nio.file.Files.isExecutable(Path.of(folder, program)));
    }
}
