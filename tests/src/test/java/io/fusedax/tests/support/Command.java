package io.fusedax.tests.support;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * A real process with a deadline.
 *
 * <p>Output goes to files, not to pipes: a daemon that wrongly keeps its starter's descriptors must
 * not hang the test that started it (CommandLineIT looks for that on purpose).
 */
public final class Command {
    private static final Duration DEFAULT_TIMEOUT = Duration.ofMinutes(2);

    private final List<String> argv;
    private final Map<String, String> environment = new LinkedHashMap<>();
    private Path workingDirectory;
    private String input = "";
    private Duration timeout = DEFAULT_TIMEOUT;

    private Command(List<String> argv) {
        this.argv = List.copyOf(argv);
    }

    /** The end of a process. */
    public record Result(String command, int exitCode, String out, String err, long elapsedMillis) {
        /** Fails unless the process ended with {@code expected}. */
        public Result expectExit(int expected) {
            if (exitCode != expected) {
                throw new AssertionError("expected exit " + expected + ", got " + this);
            }
            return this;
        }

        /** Standard output and standard error, one after the other. */
        public String output() {
            return out + err;
        }

        @Override
        public String toString() {
            return "exit "
                    + exitCode
                    + " after "
                    + elapsedMillis
                    + " ms of: "
                    + command
                    + "\n--- stdout\n"
                    + shorten(out)
                    + "\n--- stderr\n"
                    + shorten(err);
        }

        private static String shorten(String text) {
            int keep = 4000;
            return text.length() <= 2 * keep
                    ? text
                    : text.substring(0, keep) + "\n[...]\n" + text.substring(text.length() - keep);
        }
    }

    public static Command of(Object... words) {
        List<String> argv = new ArrayList<>();
        for (Object word : words) {
            argv.add(word.toString());
        }
        return new Command(argv);
    }

    public static Command of(List<String> words) {
        return new Command(words);
    }

    /** A shell script; its positional parameters are {@code arguments}. */
    public static Command shell(String script, Object... arguments) {
        List<String> argv = new ArrayList<>(List.of("sh", "-euc", script, "sh"));
        for (Object argument : arguments) {
            argv.add(argument.toString());
        }
        return new Command(argv);
    }

    /** Whether a program of this name is on the path. */
    public static boolean exists(String program) {
        return shell("command -v \"$1\"", program).run().exitCode() == 0;
    }

    /** The same command, run by another user without any privilege. */
    public Command asUser(int uid) {
        List<String> words =
                new ArrayList<>(
                        List.of(
                                "setpriv",
                                "--reuid=" + uid,
                                "--regid=" + uid,
                                "--clear-groups",
                                "--inh-caps=-all"));
        words.addAll(argv);
        Command command = new Command(words);
        command.environment.putAll(environment);
        command.workingDirectory = workingDirectory;
        command.input = input;
        command.timeout = timeout;
        return command;
    }

    public Command in(Path directory) {
        workingDirectory = directory;
        return this;
    }

    public Command with(String name, String value) {
        environment.put(name, value);
        return this;
    }

    public Command input(String text) {
        input = text;
        return this;
    }

    public Command timeout(Duration value) {
        timeout = value;
        return this;
    }

    /** Runs and fails unless the exit code is 0. */
    public Result ok() {
        return run().expectExit(0);
    }

    /** Runs to the end, whatever the exit code; a process past its deadline fails the test. */
    public Result run() {
        Path stdin = null;
        Path stdout = null;
        Path stderr = null;
        try {
            stdin = Files.createTempFile("it-in", ".txt");
            stdout = Files.createTempFile("it-out", ".txt");
            stderr = Files.createTempFile("it-err", ".txt");
            Files.writeString(stdin, input);
            return run(stdin, stdout, stderr);
        } catch (IOException e) {
            throw new UncheckedIOException(String.join(" ", argv), e);
        } finally {
            deleteQuietly(stdin);
            deleteQuietly(stdout);
            deleteQuietly(stderr);
        }
    }

    /** Starts without waiting; what it prints is of no interest. */
    public Process startDiscarding() {
        try {
            return builder()
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start();
        } catch (IOException e) {
            throw new UncheckedIOException(String.join(" ", argv), e);
        }
    }

    /** A process builder with this command's words, folder and environment; streams are pipes. */
    public ProcessBuilder builder() {
        ProcessBuilder builder = new ProcessBuilder(argv);
        if (workingDirectory != null) {
            builder.directory(workingDirectory.toFile());
        }
        builder.environment().put("LC_ALL", "C.UTF-8");
        builder.environment().putAll(environment);
        return builder;
    }

    private Result run(Path stdin, Path stdout, Path stderr) throws IOException {
        long begin = System.nanoTime();
        Process process =
                builder()
                        .redirectInput(stdin.toFile())
                        .redirectOutput(stdout.toFile())
                        .redirectError(stderr.toFile())
                        .start();
        boolean ended = false;
        try {
            ended = process.waitFor(timeout.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            if (!ended) {
                process.descendants().forEach(ProcessHandle::destroyForcibly);
                process.destroyForcibly();
            }
        }
        long elapsedMillis = (System.nanoTime() - begin) / 1_000_000;
        Result result =
                new Result(
                        String.join(" ", argv),
                        ended ? process.exitValue() : -1,
                        text(stdout),
                        text(stderr),
                        elapsedMillis);
        if (!ended) {
            throw new AssertionError("did not end in " + timeout + ": " + result);
        }
        return result;
    }

    private static String text(Path file) throws IOException {
        return new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
    }

    private static void deleteQuietly(Path file) {
        if (file != null) {
            try {
                Files.deleteIfExists(file);
            } catch (IOException e) {
                file.toFile().deleteOnExit();
            }
        }
    }
}
