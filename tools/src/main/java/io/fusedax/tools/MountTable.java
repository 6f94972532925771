package io.fusedax.tools;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** The fuse-dax mounts of this mount namespace, from /proc/self/mountinfo. */
record MountTable(List<Entry> entries) {
    /** The file system types in mountinfo: fuse, and on a block device, with our subtype. */
    private static final List<String> TYPES = List.of("fuse.fusedax", "fuseblk.fusedax");

    private static final Path MOUNT_INFO = Path.of("/proc/self/mountinfo");
    private static final int FIELD_DEVICE = 2;
    private static final int FIELD_MOUNT_POINT = 4;
    private static final int FIELD_OPTIONS = 5;

    /**
     * One mount.
     *
     * @param directory mount point, absolute
     * @param source region's path, absolute
     * @param device {@code major:minor} of the mounted file system
     * @param options per-mount options, as in {@code rw,nosuid}
     */
    record Entry(Path directory, String source, String device, String options) {
        boolean isReadOnly() {
            return List.of(options.split(",")).contains("ro");
        }
    }

    static MountTable read() {
        try {
            return parse(Files.readAllLines(MOUNT_INFO));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Reads lines as proc(5) describes them; other file systems are left out. */
    static MountTable parse(List<String> lines) {
        return new MountTable(
                lines.stream().map(MountTable::parseLine).flatMap(Optional::stream).toList());
    }

    private static Optional<Entry> parseLine(String line) {
        int separator = line.indexOf(" - ");
        if (separator < 0) {
            return Optional.empty();
        }
        String[] front = line.substring(0, separator).split(" ");
        String[] back = line.substring(separator + 3).split(" ");
        if (front.length <= FIELD_OPTIONS || back.length < 2 || !TYPES.contains(back[0])) {
            return Optional.empty();
        }
        return Optional.of(
                new Entry(
                        Path.of(unescape(front[FIELD_MOUNT_POINT])),
                        unescape(back[1]),
                        front[FIELD_DEVICE],
                        front[FIELD_OPTIONS]));
    }

    /** The topmost mount on a directory, whose own state is not asked: its daemon may be dead. */
    Optional<Entry> at(Path directory) {
        Path wanted = canonical(directory);
        return last(entry -> entry.directory().equals(wanted));
    }

    /** The mount whose region this is. */
    Optional<Entry> ofRegion(Path region) {
        String wanted = canonical(region).toString();
        return last(entry -> entry.source().equals(wanted));
    }

    /** The mount that holds this path, which may be deep inside. */
    Optional<Entry> containing(Path path) {
        Path wanted = canonical(path);
        return last(entry -> wanted.startsWith(entry.directory()));
    }

    private Optional<Entry> last(java.util.function.Predicate<Entry> condition) {
        return entries.stream().filter(condition).reduce((earlier, later) -> later);
    }

    /**
     * The path as the kernel names it. Only the parent is resolved through the file system, so that
     * a mount point without a living daemon does not answer with an error.
     */
    static Path canonical(Path path) {
        Path absolute = path.toAbsolutePath().normalize();
        try {
            return path.toRealPath();
        } catch (IOException e) {
            Path parent = absolute.getParent();
            if (parent == null) {
                return absolute;
            }
            try {
                return parent.toRealPath().resolve(absolute.getFileName());
            } catch (IOException parentGone) {
                return absolute;
            }
        }
    }

    /** Undoes the kernel's octal escapes of blank, tab, newline and backslash. */
    static String unescape(String field) {
        if (field.indexOf('\\') < 0) {
            return field;
        }
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < field.length(); i++) {
            char c = field.charAt(i);
            if (c == '\\' && i + 3 < field.length() && isOctal(field, i + 1)) {
                text.append((char) Integer.parseInt(field.substring(i + 1, i + 4), 8));
                i += 3;
            } else {
                text.append(c);
            }
        }
        return text.toString();
    }

    private static boolean isOctal(String field, int from) {
        for (int i = from; i < from + 3; i++) {
            if (field.charAt(i) < '0' || field.charAt(i) > '7') {
                return false;
            }
        }
        return true;
    }
}
