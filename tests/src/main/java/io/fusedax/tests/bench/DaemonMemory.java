package io.fusedax.tests.bench;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** Memory of a daemon that is a JVM, seen from outside. */
final class DaemonMemory {
    private final long pid;

    DaemonMemory(long pid) {
        this.pid = pid;
    }

    /** Bytes of objects that survive a full collection. */
    long liveHeapBytes() throws IOException, InterruptedException {
        List<String> lines = classHistogram();
        String[] total = lines.get(lines.size() - 1).strip().split("\\s+");
        return Long.parseLong(total[2]);
    }

    /** The classes that hold most of the heap. */
    List<String> histogram(int classes) throws IOException, InterruptedException {
        return classHistogram().stream()
                .filter(line -> line.matches("\\s*\\d+:.*"))
                .limit(classes)
                .toList();
    }

    /** Anonymous memory of the process: its heap, its threads, libfuse; not the region. */
    long residentBytes() throws IOException {
        return Processes.residentBytes(pid);
    }

    private List<String> classHistogram() throws IOException, InterruptedException {
        String jcmd = Path.of(System.getProperty("java.home"), "bin", "jcmd").toString();
        return Processes.run(jcmd, "-J-XX:-UsePerfData", Long.toString(pid), "GC.class_histogram")
                .lines()
                .toList();
    }
}
