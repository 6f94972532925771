package io.fusedax.tests.bench;

import java.util.ArrayList;
import java.util.List;

/** One operation made ready on several mounts. Closing it leaves them as they were. */
final class OpenWorkloads implements AutoCloseable {
    private final Libc libc;
    private final List<Integer> directories = new ArrayList<>();
    private final List<Workload> workloads = new ArrayList<>();

    OpenWorkloads(Libc libc, Operation operation, List<Mounted> mounts) {
        this.libc = libc;
        for (Mounted mount : mounts) {
            int dirFd = libc.openDirectory(mount.directory().toString());
            directories.add(dirFd);
            workloads.add(operation.open(libc, dirFd));
        }
    }

    List<Workload> workloads() {
        return workloads;
    }

    @Override
    public void close() {
        workloads.forEach(Workload::close);
        directories.forEach(libc::close);
    }
}
