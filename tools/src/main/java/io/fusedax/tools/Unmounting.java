package io.fusedax.tools;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Takes a mount away: by umount(8) as root, which also keeps its tables right, by fusermount as
 * others.
 */
final class Unmounting {
    private Unmounting() {}

    /**
     * Unmounts the topmost mount on a directory.
     *
     * @param lazy detach it although it is in use
     * @return what went wrong
     */
    static Optional<String> unmount(Path directory, boolean lazy)
            throws IOException, InterruptedException {
        ProcessBuilder builder =
                new ProcessBuilder(command(directory, lazy))
                        .redirectErrorStream(true)
                        .redirectInput(new File("/dev/null"));
        builder.environment().put("LC_ALL", "C");
        Process process = builder.start();
        String output =
                new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        int exitCode = process.waitFor();
        if (exitCode == 0) {
            return Optional.empty();
        }
        return Optional.of(output.isEmpty() ? "exit code " + exitCode : output);
    }

    private static List<String> command(Path directory, boolean lazy) {
        List<String> words = new ArrayList<>();
        if (User.current().isRoot()) {
            words.addAll(
                    List.of("umount", "-i")); // without -i our own umount helper comes here again
            words.addAll(lazy ? List.of("-l") : List.of());
        } else {
            words.addAll(List.of("fusermount", "-u"));
            words.addAll(lazy ? List.of("-z") : List.of());
        }
        words.addAll(List.of("--", directory.toString()));
        return words;
    }
}
