package io.fusedax.tools;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * A line of /proc/self/mountinfo, as proc(5) describes it. Names are text: not every one is a path
 * here.
 *
 * @param device {@code major:minor} of the file system
 * @param directory mount point, absolute
 * @param mountOptions per-mount options, as in {@code rw,nosuid}
 * @param options of the file system, as in {@code rw,dax=always}
 */
record MountInfo(
        String device,
        String directory,
        String mountOptions,
        String type,
        String source,
        String options) {
    private static final Path FILE = Path.of("/proc/self/mountinfo");
    private static final int FIELD_DEVICE = 2;
    private static final int FIELD_MOUNT_POINT = 4;
    private static final int FIELD_OPTIONS = 5;

    /** The lines of this mount namespace, in the order of mounting. */
    static List<String> read() {
        try {
            return Files.readAllLines(FILE);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Leaves out what is no such line. */
    static List<MountInfo> parse(List<String> lines) {
        return lines.stream().map(MountInfo::parseLine).flatMap(Optional::stream).toList();
    }

    private static Optional<MountInfo> parseLine(String line) {
        int separator = line.indexOf(" - ");
        if (separator < 0) {
            return Optional.empty();
        }
        String[] front = line.substring(0, separator).split(" ");
        String[] back = line.substring(separator + 3).split(" ");
        if (front.length <= FIELD_OPTIONS || back.length < 2) {
            return Optional.empty();
        }
        return Optional.of(
                new MountInfo(
                        front[FIELD_DEVICE],
                        unescape(front[FIELD_MOUNT_POINT]),
                        front[FIELD_OPTIONS],
                        back[0],
                        unescape(back[1]),
                        back.length > 2 ? back[2] : ""));
    }

    /** Undoes the kernel's octal escapes of blank, tab, newline and backslash. */
    private static String unescape(String field) {
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
