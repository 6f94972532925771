package io.fusedax.tools.region;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** A part of sysfs as a guest had it: the files *.sysfs, which the script beside them records. */
public final class RecordedSysfs {
    /** A guest's command line that gives memory as persistent memory. */
    public static final String MEMMAP = "console=ttyS0 memmap=256M!4G memmap=256M!4352M";

    private RecordedSysfs() {}

    /** Puts the recorded tree into a folder. */
    public static void unpack(String name, Path folder) {
        try (InputStream in = RecordedSysfs.class.getResourceAsStream(name + ".sysfs")) {
            new String(in.readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .filter(line -> !line.startsWith("#"))
                    .forEach(line -> unpackLine(line.split(" ", 3), folder));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void unpackLine(String[] words, Path folder) {
        Path path = folder.resolve(words[1]);
        try {
            Files.createDirectories(path.getParent());
            if (words[0].equals("L")) {
                Files.createSymbolicLink(path, Path.of(words[2]));
            } else {
                Files.writeString(path, words.length < 3 ? "" : words[2].replace('|', '\n'));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
