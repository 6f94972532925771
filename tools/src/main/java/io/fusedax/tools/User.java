package io.fusedax.tools;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Who runs this process, by the owner of its own /proc entry.
 *
 * @param uid effective user
 * @param gid effective group
 */
record User(int uid, int gid) {
    static User current() {
        try {
            Path self = Path.of("/proc/self/stat"); // the directory itself belongs to root when not
            // dumpable
            return new User(
                    (Integer) Files.getAttribute(self, "unix:uid"),
                    (Integer) Files.getAttribute(self, "unix:gid"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    boolean isRoot() {
        return uid == 0;
    }
}
