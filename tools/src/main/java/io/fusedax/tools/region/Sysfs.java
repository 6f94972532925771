package io.fusedax.tools.region;

import io.fusedax.backing.region.BadBlocks;
import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Reads attributes as sysfs has them, and remembers what it could not make sense of. An attribute
 * that is missing, or not to be had now (ENXIO while a device is disabled), is unknown and no
 * problem.
 */
final class Sysfs {
    /** A sector and how many; as many digits as leave room for their sum in bytes. */
    private static final Pattern BAD_BLOCK = Pattern.compile("(\\d{1,15}) ([1-9]\\d{0,14})");

    private final List<String> problems = new ArrayList<>();

    /** What was wrong so far. */
    List<String> problems() {
        return List.copyOf(problems);
    }

    /** An attribute's text without blanks around it; empty when it is not there. */
    static String text(Path file) {
        try {
            return Files.readString(file).strip();
        } catch (IOException e) { // also MalformedInput: no attribute of ours has other than ASCII
            return "";
        }
    }

    /** A number of 0 or more, decimal or 0x; null when it is not there. */
    Long number(Path file) {
        String text = text(file);
        if (text.isEmpty()) {
            return null;
        }
        try {
            long value = Long.decode(text);
            if (value >= 0) {
                return value;
            }
        } catch (NumberFormatException e) {
            // the same as a negative one
        }
        return problem(file, text, "a number");
    }

    /** As {@link #number}, where it must be a power of two. */
    Long powerOfTwo(Path file) {
        Long value = number(file);
        return value == null || Long.bitCount(value) == 1
                ? value
                : problem(file, value.toString(), "a power of two");
    }

    /** As {@link #number}, where -1 stands for none. */
    Long node(Path file) {
        return text(file).equals("-1") ? null : number(file);
    }

    /** Lines of {@code SECTOR COUNT}, in sectors of 512 bytes; as ranges of bytes. */
    List<BadBlocks.Range> badBlocks(Path file) {
        List<BadBlocks.Range> ranges = new ArrayList<>();
        for (String line : text(file).lines().toList()) {
            Matcher matcher = BAD_BLOCK.matcher(line);
            if (matcher.matches()) {
                long offset = Long.parseLong(matcher.group(1)) * BadBlocks.UNIT_BYTES;
                long length = Long.parseLong(matcher.group(2)) * BadBlocks.UNIT_BYTES;
                ranges.add(new BadBlocks.Range(offset, length));
            } else {
                problem(file, line, "'SECTOR COUNT'");
            }
        }
        return ranges;
    }

    private Long problem(Path file, String text, String wanted) {
        String shown = text.length() > 40 ? text.substring(0, 40) + "..." : text;
        problems.add(file + ": '" + shown.replaceAll("\\p{Cntrl}", "?") + "' is not " + wanted);
        return null;
    }

    /** The names in a folder that match, in order; none when it is not there. */
    static List<Path> children(Path folder, String glob) {
        List<Path> children = new ArrayList<>();
        try (DirectoryStream<Path> stream = Files.newDirectoryStream(folder, glob)) {
            stream.forEach(children::add);
        } catch (IOException | DirectoryIteratorException e) { // not there, or going
            return List.of();
        }
        children.sort(new NumberedNames());
        return children;
    }

    /** The last name of a link's target; empty when there is no such link. */
    static String linkName(Path link) {
        try {
            return Files.readSymbolicLink(link).getFileName().toString();
        } catch (IOException e) {
            return "";
        }
    }

    /** The folder that a link stands for; null when it is gone. */
    static Path real(Path link) {
        try {
            return link.toRealPath();
        } catch (IOException e) { // gone, a loop, or not to be looked at
            return null;
        }
    }
}
