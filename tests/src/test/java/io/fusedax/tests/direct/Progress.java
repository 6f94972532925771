package io.fusedax.tests.direct;

import io.fusedax.tests.support.Await;
import io.fusedax.tests.support.Command;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;

/** A program that tells in lines "WORD NUMBER" how far it has come, to be killed in mid-run. */
final class Progress implements AutoCloseable {
    private static final Duration LIMIT = Duration.ofSeconds(60);

    private final Process process;
    private final String word;
    private final AtomicLong last = new AtomicLong(-1);
    private final List<String> lines = new CopyOnWriteArrayList<>();
    private final CompletableFuture<Void> reader;

    private Progress(Process process, String word) {
        this.process = process;
        this.word = word;
        reader = CompletableFuture.runAsync(this::read);
    }

    static Progress start(Command command, String word) {
        try {
            return new Progress(command.builder().redirectErrorStream(true).start(), word + " ");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The greatest number told so far, -1 before the first. */
    long last() {
        return last.get();
    }

    Process process() {
        return process;
    }

    /** Waits until the program has told {@code number}; fails when it ends before. */
    void await(long number) {
        Await.until(word + number + told(), LIMIT, () -> last() >= number || reader.isDone());
        if (last() < number) {
            throw new AssertionError("ended before " + word + number + told());
        }
    }

    /** Kills the program, with what it started, and returns the last number it told. */
    long kill() {
        close();
        return last();
    }

    @Override
    public void close() {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
        Await.until("the program ends", LIMIT, () -> !process.isAlive());
        reader.join();
    }

    /** The lines told lately. */
    String told() {
        int from = Math.max(0, lines.size() - 20);
        return "\n" + String.join("\n", lines.subList(from, lines.size()));
    }

    private void read() {
        try (BufferedReader out = process.inputReader()) {
            for (String line = out.readLine(); line != null; line = out.readLine()) {
                if (line.startsWith(word)) {
                    last.set(Long.parseLong(line.substring(word.length()).strip()));
                } else {
                    lines.add(line);
                }
            }
        } catch (IOException e) {
            // the process was killed
        }
    }
}
