package io.fusedax.tools;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** All mounts of this mount namespace, to tell where persistent memory is used with DAX. */
record HostMounts(List<Entry> entries) {
    /** Whether files of a mount are mapped without the page cache. */
    enum Dax {
        /** All of them. */
        ALWAYS,
        /** Those flagged so (chattr +x), and new ones in directories flagged so. */
        INODE,
        /** None. */
        NEVER
    }

    /**
     * One mount.
     *
     * @param device {@code major:minor} of the file system
     * @param options of the file system, as in {@code rw,dax=always}
     */
    record Entry(String device, Path directory, String type, String source, String options) {
        Dax dax() {
            List<String> words = Arrays.asList(options.split(","));
            if (words.contains("dax") || words.contains("dax=always")) {
                return Dax.ALWAYS;
            }
            boolean knowsFlag = type.equals("ext4") || type.equals("xfs");
            return knowsFlag && !words.contains("dax=never") ? Dax.INODE : Dax.NEVER;
        }
    }

    static HostMounts read() {
        return parse(MountInfo.read());
    }

    /** Reads lines of mountinfo. */
    static HostMounts parse(List<String> lines) {
        return new HostMounts(MountInfo.parse(lines).stream().map(HostMounts::entry).toList());
    }

    private static Entry entry(MountInfo line) {
        return new Entry(
                line.device(),
                Path.of(line.directory()),
                line.type(),
                line.source(),
                line.options());
    }

    /** Every mount of a device's file system. */
    List<Entry> of(String device) {
        return entries.stream().filter(entry -> entry.device().equals(device)).toList();
    }

    /** The topmost mount that holds a path. */
    Optional<Entry> containing(Path path) {
        Path wanted = MountTable.canonical(path);
        return entries.stream()
                .filter(entry -> wanted.startsWith(entry.directory()))
                .reduce(
                        (best, next) ->
                                next.directory().getNameCount() >= best.directory().getNameCount()
                                        ? next
                                        : best);
    }
}
