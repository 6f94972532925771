package io.fusedax.tests.bench;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** tests/src/main/c/mapbench.c, and files of {@link #MEGABYTES} for it. */
final class Mapbench {
    static final int MEGABYTES = 64;

    private final BenchOptions options;

    Mapbench(BenchOptions options) {
        this.options = options;
    }

    /**
     * Runs a command of it.
     *
     * @param direct whether with the client library
     * @return what it printed: value by name
     */
    Map<String, Double> run(boolean direct, String command, Path file, String how)
            throws IOException, InterruptedException {
        List<String> arguments = new ArrayList<>();
        if (direct) {
            arguments.addAll(List.of(options.launcher(), "run", "--"));
        }
        arguments.addAll(List.of(options.mapbench().toString(), command, file.toString(), how));
        Map<String, Double> values = new HashMap<>();
        Processes.run(arguments.toArray(String[]::new))
                .lines()
                .map(line -> line.split(" "))
                .forEach(fields -> values.put(fields[0], Double.valueOf(fields[1])));
        return values;
    }

    static Path write(Path file) throws IOException {
        try (FileChannel channel =
                FileChannel.open(
                        file,
                        StandardOpenOption.CREATE,
                        StandardOpenOption.TRUNCATE_EXISTING,
                        StandardOpenOption.WRITE)) {
            byte[] megabyte = new byte[1 << 20];
            Arrays.fill(megabyte, (byte) 1);
            for (int i = 0; i < MEGABYTES; i++) {
                channel.write(ByteBuffer.wrap(megabyte));
            }
        }
        return file;
    }

    static Path preallocate(Path directory) throws IOException, InterruptedException {
        Path file = directory.resolve("preallocated");
        Files.deleteIfExists(file);
        Processes.run("fallocate", "-l", MEGABYTES + "M", file.toString());
        return file;
    }

    static Path hole(Path directory) throws IOException, InterruptedException {
        Path file = directory.resolve("hole");
        Files.deleteIfExists(file);
        Processes.run("truncate", "-s", MEGABYTES + "M", file.toString());
        return file;
    }
}
