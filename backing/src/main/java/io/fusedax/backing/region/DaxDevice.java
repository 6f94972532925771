package io.fusedax.backing.region;

import io.fusedax.backing.FsException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import jnr.constants.platform.Errno;

/**
 * A device-dax, as sysfs tells of it (Documentation/ABI/testing/sysfs-bus-dax).
 *
 * @param folder its folder in sysfs
 * @param sizeBytes all of it
 * @param alignmentBytes what addresses, offsets and lengths of mappings must be multiples of: 4096,
 *     2 MiB or 1 GiB
 */
public record DaxDevice(Path folder, long sizeBytes, int alignmentBytes) {
    private static final Path CHARACTER_DEVICES = Path.of("/sys/dev/char");
    private static final String SUBSYSTEM = "dax";

    /**
     * The device behind a character device's number.
     *
     * @return empty when it is no device-dax
     * @throws FsException EIO when sysfs tells nonsense
     */
    public static Optional<DaxDevice> of(long deviceNumber) throws FsException {
        return of(CHARACTER_DEVICES, deviceNumber);
    }

    /**
     * As {@link #of(long)}.
     *
     * @param devices the folder of links named MAJOR:MINOR
     */
    static Optional<DaxDevice> of(Path devices, long deviceNumber) throws FsException {
        Path folder = devices.resolve(DeviceNumbers.toString(deviceNumber));
        if (!SUBSYSTEM.equals(linkName(folder.resolve("subsystem")))) {
            return Optional.empty();
        }
        long sizeBytes = number(folder.resolve("size"));
        long alignmentBytes = number(folder.resolve("align"));
        if (sizeBytes <= 0
                || alignmentBytes < Region.PAGE_BYTES
                || alignmentBytes > 1 << 30
                || Long.bitCount(alignmentBytes) != 1) {
            throw new FsException(
                    Errno.EIO, folder + ": size=" + sizeBytes + " align=" + alignmentBytes);
        }
        return Optional.of(new DaxDevice(folder, sizeBytes, (int) alignmentBytes));
    }

    private static String linkName(Path link) {
        try {
            return Files.readSymbolicLink(link).getFileName().toString();
        } catch (IOException e) { // no such link: no such device
            return "";
        }
    }

    private static long number(Path file) throws FsException {
        try {
            return Long.decode(Files.readString(file).strip());
        } catch (IOException | NumberFormatException e) {
            throw new FsException(Errno.EIO, file + ": no number to be had: " + e, e);
        }
    }
}
