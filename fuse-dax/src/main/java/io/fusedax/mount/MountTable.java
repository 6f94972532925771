package io.fusedax.mount;

import io.fusedax.backing.FsException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import jnr.constants.platform.Errno;

/** The kernel's table of mounts, /proc/self/mountinfo. */
final class MountTable {
    /** The types under which volumes are mounted. */
    static final List<String> TYPES =
            List.of("fuse." + KernelMount.SUBTYPE, "fuseblk." + KernelMount.SUBTYPE);

    private static final Path FILE = Path.of("/proc/self/mountinfo");

    private MountTable() {}

    /** Whether the topmost mount on a path is a volume's. Does not touch the path itself. */
    static boolean isOurs(Path mountPoint) throws FsException {
        try {
            String path = mountPoint.toAbsolutePath().normalize().toString();
            // Names are bytes; Latin-1 keeps them apart.
            return TYPES.contains(
                    typeOn(path, Files.readAllLines(FILE, StandardCharsets.ISO_8859_1)));
        } catch (IOException e) {
            throw new FsException(Errno.EIO, FILE + ": " + e.getMessage(), e);
        }
    }

    /**
     * The type of the topmost mount on a path.
     *
     * @param lines as of /proc/self/mountinfo, bytes as Latin-1
     * @return empty if nothing is mounted there
     */
    static String typeOn(String path, List<String> lines) {
        String wanted = latin1(path);
        String type = "";
        for (String line : lines) {
            String[] fields = line.split(" ");
            int separator = List.of(fields).indexOf("-");
            if (fields.length > 4 && separator > 0 && unescape(fields[4]).equals(wanted)) {
                type = fields[separator + 1];
            }
        }
        return type;
    }

    private static String latin1(String path) {
        return new String(path.getBytes(CStringVector.NATIVE), StandardCharsets.ISO_8859_1);
    }

    /** Undoes the octal escapes of blank, tab, newline and backslash. */
    private static String unescape(String field) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < field.length(); i++) {
            if (field.charAt(i) == '\\' && i + 3 < field.length()) {
                text.append((char) Integer.parseInt(field.substring(i + 1, i + 4), 8));
                i += 3;
            } else {
                text.append(field.charAt(i));
            }
        }
        return text.toString();
    }
}
