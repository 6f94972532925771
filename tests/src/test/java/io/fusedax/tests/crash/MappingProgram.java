package io.fusedax.tests.crash;

import io.fusedax.tests.direct.MapTest;
import io.fusedax.tests.direct.Progress;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** The program records.c in a process of its own, and what it told to be durable. */
final class MappingProgram {
    private static final int PAGE_BYTES = 4096;

    private final Path file;
    private final Progress progress;

    private MappingProgram(Path file, Progress progress) {
        this.file = file;
        this.progress = progress;
    }

    static MappingProgram start(Path file) {
        return new MappingProgram(
                file,
                Progress.start(MapTest.preloaded(MapTest.program("records"), file), "stored"));
    }

    /** Nothing is told from now on. */
    void kill() {
        progress.kill();
    }

    /**
     * Fails unless every record that was told is in the file.
     *
     * @return how many were
     */
    long verifyAndDelete() {
        long told = progress.last() + 1;
        try {
            if (told > 0) {
                verify(told);
            }
            Files.deleteIfExists(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return told;
    }

    private void verify(long told) throws IOException {
        ByteBuffer page = ByteBuffer.allocate(PAGE_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            for (long number = 0; number < told; number++) {
                page.clear();
                int length = channel.read(page, number * PAGE_BYTES);
                boolean there =
                        length == PAGE_BYTES
                                && page.getLong(0) == number
                                && page.getLong(PAGE_BYTES - Long.BYTES) == ~number;
                if (!there) {
                    throw new AssertionError(
                            file.getFileName() + ": record " + number + " of " + told + " is lost");
                }
            }
        }
    }
}
