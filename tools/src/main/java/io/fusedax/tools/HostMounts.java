package io.fusedax.tools;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** All mounts of this mount namespace, to tell where persistent memory is used with DAX. */
record HostMounts(List<Entry> entries) {
    private static final Path MOUNT_INFO = Path.of("/proc/self/mountinfo");
    private static final int FIELD_DEVICE = 2;
    private static final int FIELD_MOUNT_POINT = 4;

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
        try {
            return parse(Files.readAllLines(MOUNT_INFO));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Reads lines as proc(5) describes them. */
    static HostMounts parse(List<String> lines) {
        return new HostMounts(
                lines.stream().map(HostMounts::parseLine).flatMap(Optional::stream).toList());
    }

    private static Optional<Entry> parseLine(String line) {
        int separator = line.indexOf(" - ");
        if (separator < 0) {
            return Optional.empty();
        }
        String[] front = line.substring(0, separator).split(" ");
        String[] back = line.substring(separator + 3).split(" ");
        if (front.length <= FIELD_MOUNT_POINT || back.length < 3) {
            return Optional.empty();
        }
        return Optional.of(
                new Entry(
                        front[FIELD_DEVICE],
                        Path.of(MountTable.unescape(front[FIELD_MOUNT_POINT])),
                        back[0],
                        MountTable.unescape(back[1]),
                        back[2]));
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
