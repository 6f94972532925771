package io.fusedax.tools;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Runs other programs and waits for them. */
@FunctionalInterface
interface Programs {
    /** What a program left behind. */
    record Result(int exitCode, String out, String err) {
        /** The last words it had, in one line. */
        String words() {
            return (err.isBlank() ? out : err).strip().replaceAll("\\s*\\R\\s*", "; ");
        }
    }

    /**
     * Runs a program to its end, without input.
     *
     * @throws IOException when it cannot be started: it is not installed
     */
    Result run(List<String> command) throws IOException, InterruptedException;

    /** This machine's programs, also those in directories that only root's path has. */
    static Programs installed() {
        return command -> {
            Path errors = Files.createTempFile("fuse-dax-", ".err"); // two pipes could block it
            try {
                List<String> words = new ArrayList<>(command);
                words.set(0, find(command.get(0)));
                ProcessBuilder builder = new ProcessBuilder(words);
                builder.redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()));
                builder.redirectError(errors.toFile());
                Process process = builder.start();
                byte[] out = process.getInputStream().readAllBytes();
                int exitCode = process.waitFor();
                return new Result(
                        exitCode,
                        new String(out, StandardCharsets.UTF_8),
                        new String(Files.readAllBytes(errors), StandardCharsets.UTF_8));
            } finally {
                Files.delete(errors);
            }
        };
    }

    private static String find(String name) {
        for (String folder : List.of("/usr/sbin", "/sbin")) {
            Path program = Path.of(folder, name);
            if (Files.isExecutable(program)) {
                return program.toString();
            }
        }
        return name;
    }
}
