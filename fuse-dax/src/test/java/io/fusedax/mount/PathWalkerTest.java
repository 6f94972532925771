package io.fusedax.mount;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.fusedax.backing.FsException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.Test;

class PathWalkerTest {
    private static final long ROOT = 2;

    /** Directory and name to inode. */
    private static final Map<String, Long> TREE =
            Map.of("2/a", 10L, "10/b", 11L, "11/c", 12L, "10/\u00ff", 13L);

    private final PathWalker walker =
            new PathWalker(
                    (directory, name, offset, length) -> {
                        if (directory == 12) {
                            throw new FsException(Errno.ENOTDIR, "c is a file");
                        }
                        String key =
                                directory
                                        + "/"
                                        + new String(
                                                name, offset, length, StandardCharsets.ISO_8859_1);
                        return TREE.getOrDefault(key, 0L);
                    },
                    ROOT);

    @FunctionalInterface
    private interface Use {
        long with(long path) throws FsException;
    }

    private static long on(String path, Use use) throws FsException {
        byte[] bytes = (path + "\0").getBytes(StandardCharsets.ISO_8859_1);
        long address = Memory.allocate(bytes.length);
        try {
            Memory.put(address, bytes, 0, bytes.length);
            return use.with(address);
        } finally {
            Memory.free(address);
        }
    }

    private static Errno errno(String path, Use use) {
        return assertThrows(FsException.class, () -> on(path, use)).errno();
    }

    @Test
    void wholePathsResolve() throws FsException {
        assertEquals(ROOT, on("/", walker::resolve));
        assertEquals(10, on("/a", walker::resolve));
        assertEquals(12, on("/a/b/c", walker::resolve));
        assertEquals(13, on("/a/\u00ff", walker::resolve));
    }

    @Test
    void aMissingLastComponentIsZeroAndAMissingDirectoryAnError() throws FsException {
        assertEquals(0, on("/a/x", walker::resolve));
        assertEquals(Errno.ENOENT, errno("/x/b", walker::resolve));
        assertEquals(Errno.ENOTDIR, errno("/a/b/c/d", walker::resolve));
    }

    @Test
    void theParentAndTheLastComponentComeApart() throws FsException {
        PathWalker.Name name = new PathWalker.Name();
        assertEquals(11, on("/a/b/new", path -> walker.resolveParent(path, name)));
        assertArrayEquals(
                "new".getBytes(StandardCharsets.US_ASCII), Arrays.copyOf(name.bytes, name.length));
        assertEquals(ROOT, on("/new", path -> walker.resolveParent(path, name)));
        assertEquals(Errno.ENOENT, errno("/x/new", path -> walker.resolveParent(path, name)));
    }

    @Test
    void theLastComponentAloneIsFoundWithoutLookups() throws FsException {
        PathWalker.Name name = new PathWalker.Name();
        on(
                "/not/there/last",
                path -> {
                    PathWalker.lastComponent(path, name);
                    return 0;
                });
        assertEquals("last", new String(name.bytes, 0, name.length, StandardCharsets.US_ASCII));
    }

    @Test
    void namesOver255BytesAreTooLongAnywhere() throws FsException {
        String longest = "n".repeat(255);
        PathWalker.Name name = new PathWalker.Name();
        assertEquals(0, on("/" + longest, walker::resolve));
        assertEquals(ROOT, on("/" + longest, path -> walker.resolveParent(path, name)));
        assertEquals(255, name.length);
        assertEquals(Errno.ENAMETOOLONG, errno("/" + longest + "n", walker::resolve));
        assertEquals(Errno.ENAMETOOLONG, errno("/" + longest + "n/x", walker::resolve));
        assertEquals(
                Errno.ENAMETOOLONG,
                errno("/" + longest + "n", path -> walker.resolveParent(path, name)));
        assertEquals(
                Errno.ENAMETOOLONG,
                errno(
                        "/" + longest + "n",
                        path -> {
                            PathWalker.lastComponent(path, name);
                            return 0;
                        }));
    }
}
