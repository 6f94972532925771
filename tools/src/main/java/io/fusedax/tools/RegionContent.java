package io.fusedax.tools;

import io.fusedax.tools.region.PmemDevice;
import io.fusedax.tools.region.RegionMode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.Optional;

/** Finds what must not be lost by mistake. */
final class RegionContent {
    private static final int PROBED_BYTES = 64 << 10;

    private RegionContent() {}

    /**
     * What a device holds, for a message.
     *
     * @return empty when it seems to hold nothing
     */
    static Optional<String> of(PmemDevice device, Programs programs) throws InterruptedException {
        if (device.isFree()) {
            return Optional.empty();
        }
        if (device.deviceName() == null) {
            return Optional.of("is disabled, so nobody can tell what it holds");
        }
        if (device.mode() == RegionMode.DEVDAX) {
            return of(device.path());
        }
        try {
            Optional<String> signature = Signature.of(device.path(), programs);
            if (signature.isPresent()) {
                return Optional.of("holds data, " + signature.get());
            }
            return startsWithZeros(device.path())
                    ? Optional.empty()
                    : Optional.of("holds other data");
        } catch (IOException e) {
            return Optional.of("cannot be read, " + e.getMessage());
        }
    }

    /** What a file or a device-dax holds, for a message. */
    static Optional<String> of(Path path) {
        VolumeGlance glance = VolumeGlance.at(path);
        if (glance.volume() != null) {
            Map<String, Object> volume = glance.volume();
            return Optional.of(
                    volume.get("uuid") == null
                            ? "holds a volume, a damaged one"
                            : "holds a volume, label \""
                                    + volume.getOrDefault("label", "")
                                    + "\", uuid "
                                    + volume.get("uuid"));
        }
        if (glance.problem() != null) {
            return Optional.of("cannot be read, " + glance.problem());
        }
        return glance.otherData() ? Optional.of("holds other data") : Optional.empty();
    }

    private static boolean startsWithZeros(Path path) throws IOException {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            ByteBuffer head = ByteBuffer.allocate(PROBED_BYTES);
            while (head.hasRemaining() && channel.read(head) >= 0) {
                // on to the end
            }
            head.flip();
            while (head.hasRemaining()) {
                if (head.get() != 0) {
                    return false;
                }
            }
            return true;
        }
    }
}
