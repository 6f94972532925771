package io.fusedax.tests.conformance;

import io.fusedax.tests.support.MountedVolume;
import io.fusedax.tests.support.Posix;
import io.fusedax.tests.support.PosixException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import jnr.constants.platform.Errno;

/**
 * The same check on a folder of the host's own file system, then on the mount: both must agree. A
 * check that the host fails is wrong itself.
 */
final class HostAndMount implements AutoCloseable {
    private final Path host;
    private final MountedVolume volume;

    HostAndMount(String mountOptions) {
        try {
            host = Files.createTempDirectory(MountedVolume.disk(), "fusedax-host-");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        Posix.chmod(host, 0755);
        volume = MountedVolume.builder().mountOptions(mountOptions).mount();
    }

    /** A check in a folder of its own, which is empty, mode 0777, and owned by root. */
    interface Check {
        void in(Path folder) throws Exception;
    }

    MountedVolume volume() {
        return volume;
    }

    /** Runs on the host, then on the mount. */
    void agree(Check check) {
        run("the host's file system", host, check);
        run("the mount", volume.directory(), check);
    }

    /** Runs on the mount alone: what the host's file system does not have, or not alike. */
    void mountOnly(Check check) {
        MountedVolume.assumeMounted();
        run("the mount", volume.directory(), check);
    }

    private static void run(String place, Path parent, Check check) {
        try {
            Path folder = Files.createTempDirectory(parent, "case");
            Posix.chmod(folder, 0777);
            check.in(folder);
        } catch (Exception | AssertionError e) {
            throw new AssertionError("on " + place + ": " + e.getMessage(), e);
        }
    }

    /** Fails unless the call fails with exactly this errno. */
    static void assertErrno(Errno expected, Runnable call) {
        assertErrno(
                expected,
                () -> {
                    call.run();
                    return "success";
                });
    }

    /** As {@link #assertErrno(Errno, Runnable)}, for a call with a result. */
    static void assertErrno(Errno expected, Callable<?> call) {
        Object result;
        try {
            result = call.call();
        } catch (PosixException e) {
            if (e.errno().intValue() != expected.intValue()) {
                throw new AssertionError("expected " + expected + ", got " + e.getMessage(), e);
            }
            return;
        } catch (Exception e) {
            throw new AssertionError("expected " + expected + ", got " + e, e);
        }
        throw new AssertionError("expected " + expected + ", got " + result);
    }

    @Override
    public void close() {
        volume.close();
        MountedVolume.deleteTree(host);
    }
}
