package io.fusedax.tools;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** What is on a block device, by the signatures that blkid(8) knows. */
final class Signature {
    private static final int NOTHING_FOUND = 2;
    private static final int SEVERAL_FOUND = 8;

    private Signature() {}

    /**
     * Probes a device: not blkid's cache, which may be old.
     *
     * @return as in {@code ext4}; empty when there is none
     * @throws IOException when blkid is missing or cannot read the device
     */
    static Optional<String> of(Path device, Programs programs)
            throws IOException, InterruptedException {
        Programs.Result result =
                programs.run(List.of("blkid", "-p", "-o", "export", device.toString()));
        if (result.exitCode() == NOTHING_FOUND && result.err().isBlank()) {
            return Optional.empty();
        }
        if (result.exitCode() == SEVERAL_FOUND) {
            return Optional.of("several");
        }
        if (result.exitCode() != 0) {
            throw new IOException("blkid: " + result.words() + ": " + device);
        }
        Optional<String> type = value(result.out(), "TYPE=");
        return type.or(() -> value(result.out(), "PTTYPE=")).or(() -> Optional.of("unknown"));
    }

    private static Optional<String> value(String lines, String key) {
        return lines.lines()
                .filter(line -> line.startsWith(key))
                .map(line -> line.substring(key.length()))
                .findFirst();
    }
}
