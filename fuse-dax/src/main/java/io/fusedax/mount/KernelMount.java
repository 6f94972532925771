package io.fusedax.mount;

import io.fusedax.backing.FsException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import jnr.constants.platform.Errno;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Mounts without libfuse: where that is allowed by system call, as a block device's file system if
 * possible; otherwise through fusermount3, which passes the device's descriptor over a socket.
 */
final class KernelMount {
    private static final Logger LOG = LoggerFactory.getLogger(KernelMount.class);

    /** Of the file system types fuse and fuseblk. */
    static final String SUBTYPE = "fusedax";

    private static final byte[] DEVICE = CStringVector.of("/dev/fuse");
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
        if (libc.geteuid() == 0) {
            int device = mountOnBlockDevice(mountPoint);
            if (device >= 0) {
                return device;
            }
            device = openDevice();
            int errno = mount(device, mountPoint);
            if (errno == 0) {
                return device;
            }
            libc.close(device);
            if (errno != EPERM) {
                throw Libc.failure("mount on " + mountPoint, errno);
            }
        }
        return mountByHelper(mountPoint);
    }

    static int openDevice() throws FsException {
        int device = Libc.load().open(DEVICE, Libc.O_RDWR | Libc.O_CLOEXEC);
        if (device < 0) {
            throw Libc.failure("/dev/fuse", Libc.errno());
        }
        return device;
    }

    /** -1: not here, as without loop devices in a container; all but sync(2) works without. */
    private int mountOnBlockDevice(Path mountPoint) {
        BlockMount mount = new BlockMount(arguments, options.sourceName());
        if (!mount.isPossible()) {
            return -1;
        }
        try {
            return mount.mount(mountPoint);
        } catch (FsException e) {
            LOG.info("sync(2) and syncfs(2) will not commit: no fuseblk: {}", e.getMessage());
            return -1;
        }
    }

    private int mount(int device, Path mountPoint) {
        List<String> data = arguments.kernelOptions(device, libc.geteuid(), libc.getegid());
        int result =
                libc.mount(
                        CStringVector.of(options.sourceName()),
                        CStringVector.path(mountPoint),
                        CStringVector.of("fuse." + SUBTYPE),
                        arguments.kernelFlags(),
                        CStringVector.of(String.join(",", data)));
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
        int status = libc.system(CStringVector.of(command));
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
