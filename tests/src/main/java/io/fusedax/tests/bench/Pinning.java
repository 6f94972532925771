package io.fusedax.tests.bench;

import java.io.IOException;
import java.util.List;

/**
 * Keeps this process and the daemons on one processor while it is open. Waking a thread on another,
 * idle virtual processor costs several times what a call does, and varies: unpinned, that is what
 * would be measured. A daemon is pinned only after it has started, so it has the threads it chose
 * for the whole machine.
 */
final class Pinning implements AutoCloseable {
    private static final int PROCESSORS = Runtime.getRuntime().availableProcessors();

    private final boolean active;

    /** Pins, unless there is but one processor or pinning is not wanted. */
    Pinning(boolean wanted, List<Mounted> mounts) throws IOException, InterruptedException {
        int last = PROCESSORS - 1;
        active = wanted && last > 0;
        if (active) {
            pin(ownPid(), Integer.toString(last));
            for (Mounted mount : mounts) {
                if (mount.hasDaemon()) {
                    pin(mount.daemonPid(), Integer.toString(last));
                }
            }
        }
    }

    /** Lets this process, and what it starts from now on, run anywhere again. */
    @Override
    public void close() throws IOException, InterruptedException {
        if (active) {
            pin(ownPid(), "0-" + (PROCESSORS - 1));
        }
    }

    private static long ownPid() {
        return ProcessHandle.current().pid();
    }

    private static void pin(long pid, String processors) throws IOException, InterruptedException {
        Processes.run(
                "taskset", "--all-tasks", "--cpu-list", "--pid", processors, Long.toString(pid));
    }
}
