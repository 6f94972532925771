package io.fusedax.mount;

import java.nio.charset.Charset;
import java.util.List;

/** A char *argv[] with its strings in native memory. */
final class CStringVector {
    private final long vector;
    private final long[] strings;

    CStringVector(List<String> values) {
        vector = Memory.allocate((values.size() + 1L) * Long.BYTES);
        strings = new long[values.size()];
        for (int i = 0; i < strings.length; i++) {
            byte[] bytes = values.get(i).getBytes(NATIVE);
            strings[i] = Memory.allocate(bytes.length + 1L);
            Memory.put(strings[i], bytes, 0, bytes.length);
            Memory.putLong(vector + (long) i * Long.BYTES, strings[i]);
        }
    }

    /** How this process spells file names. */
    static final Charset NATIVE = Charset.forName(System.getProperty("sun.jnu.encoding", "UTF-8"));

    /** Bytes of a path for a system call, with the NUL. */
    static byte[] path(java.nio.file.Path path) {
        return of(path.toString());
    }

    /** A string for a system call, with the NUL. */
    static byte[] of(String text) {
        return (text + '\0').getBytes(NATIVE);
    }

    long address() {
        return vector;
    }

    void free() {
        for (long string : strings) {
            Memory.free(string);
        }
        Memory.free(vector);
    }
}
