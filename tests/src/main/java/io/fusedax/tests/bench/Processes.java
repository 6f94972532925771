package io.fusedax.tests.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/** Commands, and waiting for what they bring about. */
final class Processes {
    private static final long TIMEOUT_SECONDS = 60;

    private Processes() {}

    /** Runs a command to its end and returns what it printed; anything but exit 0 is an error. */
    static String run(String... command) throws IOException, InterruptedException {
        Path output = Files.createTempFile("bench", ".out");
        try {
            Process process =
                    new ProcessBuilder(command)
                            .redirectErrorStream(true)
                            .redirectOutput(output.toFile())
                            .start();
            int exit = process.waitFor();
            String printed = Files.readString(output, StandardCharsets.ISO_8859_1);
            if (exit != 0) {
                throw new IOException(
                        String.join(" ", command) + ": exit " + exit + ": " + printed.strip());
            }
            return printed;
        } finally {
            Files.delete(output);
        }
    }

    /** Starts a daemon in the foreground, its output appended to a log. */
    static Process start(Path log, List<String> command) throws IOException {
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
                .start();
    }

    /** Polls until a condition holds. */
    static void await(String what, BooleanSupplier condition) throws InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(TIMEOUT_SECONDS);
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > deadline) {
                throw new IllegalStateException("no " + what + " within " + TIMEOUT_SECONDS + " s");
            }
            TimeUnit.MILLISECONDS.sleep(2);
        }
    }

    static boolean isMountPoint(Path directory) {
        try {
            String needle = " " + directory + " ";
            return Files.readAllLines(Path.of("/proc/self/mounts")).stream()
                    .anyMatch(line -> line.contains(needle));
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Whether a process runs; one that is dead but not yet reaped does not. */
    static boolean isAlive(long pid) {
        try {
            String stat =
                    Files.readString(
                            Path.of("/proc/" + pid + "/stat"), StandardCharsets.ISO_8859_1);
            return stat.charAt(stat.lastIndexOf(')') + 2) != 'Z';
        } catch (IOException e) {
            return false;
        }
    }

    /** The process that has a file mapped, and so holds the region; -1 for none. */
    static long holderOf(Path file) throws IOException {
        try (var processes = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
            for (Path process : processes) {
                if (isMapped(process.resolve("maps"), file)) {
                    return Long.parseLong(process.getFileName().toString());
                }
            }
        }
        return -1;
    }

    private static boolean isMapped(Path maps, Path file) {
        try {
            return Files.readString(maps, StandardCharsets.ISO_8859_1).contains(" " + file + "\n");
        } catch (IOException e) {
            return false;
        }
    }

    /** Resident set of a process in bytes. */
    static long residentBytes(long pid) throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/" + pid + "/status"))) {
            if (line.startsWith("RssAnon:")) {
                return Long.parseLong(line.replaceAll("\\D", "")) * 1024;
            }
        }
        throw new IOException("no RssAnon of process " + pid);
    }
}
