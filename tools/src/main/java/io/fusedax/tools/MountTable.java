package io.fusedax.tools;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** The fuse-dax mounts of this mount namespace, from /proc/self/mountinfo. */
record MountTable(List<Entry> entries) {
    /** The file system types in mountinfo: fuse, and on a block device, with our subtype. */
    private static final List<String> TYPES = List.of("fuse.fusedax", "fuseblk.fusedax");

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
        return parse(MountInfo.read());
    }

    /** Reads lines of mountinfo; other file systems are left out. */
    static MountTable parse(List<String> lines) {
        return new MountTable(
                MountInfo.parse(lines).stream()
                        .filter(line -> TYPES.contains(line.type()))
                        .map(MountTable::entry)
                        .toList());
    }

    private static Entry entry(MountInfo line) {
        return new Entry(
                Path.of(line.directory()), line.source(), line.device(), line.mountOptions());
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
}
