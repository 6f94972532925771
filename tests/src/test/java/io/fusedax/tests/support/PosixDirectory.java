package io.fusedax.tests.support;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import jnr.ffi.Pointer;

/** An open directory stream: opendir, readdir, telldir, seekdir as they are. */
public final class PosixDirectory implements AutoCloseable {
    /** Offsets in glibc's struct dirent of 64-bit systems. */
    private static final int INODE = 0;

    private static final int POSITION = 8;
    private static final int RECORD_LENGTH = 16;
    private static final int TYPE = 18;
    private static final int NAME = 19;

    private final Pointer stream;

    public PosixDirectory(Path path) {
        stream = Posix.LIBC.opendir(Posix.c(path));
        if (stream == null) {
            throw Posix.failure("opendir " + path);
        }
    }

    /** One entry of a directory and the position after it. */
    public record Entry(String name, long inode, int type, long position) {}

    /** The names in a directory without "." and "..", sorted. */
    public static List<String> list(Path path) {
        try (PosixDirectory directory = new PosixDirectory(path)) {
            List<String> names = directory.rest();
            names.remove(".");
            names.remove("..");
            names.sort(null);
            return names;
        }
    }

    /** The next entry, or null at the end. */
    public Entry next() {
        Pointer entry = Posix.LIBC.readdir(stream);
        if (entry == null) {
            return null;
        }
        byte[] name = new byte[(entry.getShort(RECORD_LENGTH) & 0xffff) - NAME];
        entry.get(NAME, name, 0, name.length);
        int end = 0;
        while (end < name.length && name[end] != 0) {
            end++;
        }
        return new Entry(
                new String(name, 0, end, StandardCharsets.UTF_8),
                entry.getLong(INODE),
                entry.getByte(TYPE) & 0xff,
                entry.getLong(POSITION));
    }

    public long tell() {
        return Posix.LIBC.telldir(stream);
    }

    public void seek(long position) {
        Posix.LIBC.seekdir(stream, position);
    }

    public void rewind() {
        Posix.LIBC.rewinddir(stream);
    }

    /** The names from here to the end, in the order they come. */
    public List<String> rest() {
        List<String> names = new ArrayList<>();
        for (Entry entry = next(); entry != null; entry = next()) {
            names.add(entry.name());
        }
        return names;
    }

    @Override
    public void close() {
        Posix.LIBC.closedir(stream);
    }
}
