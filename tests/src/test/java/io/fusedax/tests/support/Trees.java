package io.fusedax.tests.support;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import java.util.zip.CRC32C;

/** Descriptions of whole trees, so that two of them can be compared. */
public final class Trees {
    private static final int MOST_DIFFERENCES = 10;

    private Trees() {}

    /**
     * One line for each path below {@code root}: kind, mode, owner, links, size, times, content.
     */
    public static SortedMap<String, String> describe(Path root) {
        SortedMap<String, String> lines = new TreeMap<>();
        try (Stream<Path> paths = Files.walk(root)) {
            paths.filter(path -> !path.equals(root))
                    .forEach(path -> lines.put(root.relativize(path).toString(), line(path)));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return lines;
    }

    /** Fails with the first differences. */
    public static void assertSame(
            SortedMap<String, String> expected, SortedMap<String, String> actual) {
        List<String> differences = new ArrayList<>();
        TreeSet<String> names = new TreeSet<>(expected.keySet());
        names.addAll(actual.keySet());
        for (String name : names) {
            String want = expected.get(name);
            String got = actual.get(name);
            if (want == null || !want.equals(got)) {
                differences.add(name + "\n  expected " + want + "\n  got      " + got);
            }
        }
        if (!differences.isEmpty()) {
            int shown = Math.min(MOST_DIFFERENCES, differences.size());
            throw new AssertionError(
                    differences.size()
                            + " differences, the first:\n"
                            + String.join("\n", differences.subList(0, shown)));
        }
    }

    public static long crc32c(Path file) {
        CRC32C crc = new CRC32C();
        byte[] buffer = new byte[1 << 17];
        try (InputStream in = Files.newInputStream(file)) {
            for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                crc.update(buffer, 0, n);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(file.toString(), e);
        }
        return crc.getValue();
    }

    private static String line(Path path) {
        Posix.Stat stat = Posix.lstat(path);
        String common = String.format("%o %d:%d", stat.mode(), stat.uid(), stat.gid());
        return switch (stat.type()) {
            case Posix.S_IFDIR -> common + " links=" + stat.linkCount() + times(stat);
            case Posix.S_IFLNK -> common + " -> " + Posix.readlink(path);
            case Posix.S_IFREG ->
                    common
                            + " links="
                            + stat.linkCount()
                            + " size="
                            + stat.sizeBytes()
                            + times(stat)
                            + " crc32c="
                            + Long.toHexString(crc32c(path));
            default -> common + " dev=" + stat.deviceMajor() + ":" + stat.deviceMinor();
        };
    }

    private static String times(Posix.Stat stat) {
        return String.format(" mtime=%d.%09d", stat.mtime().seconds(), stat.mtime().nanos());
    }
}
