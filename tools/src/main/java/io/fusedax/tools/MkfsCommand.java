package io.fusedax.tools;

import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.Superblock;
import io.fusedax.backing.region.Region;
import io.fusedax.backing.region.RegionOptions;
import io.fusedax.backing.volume.FormatOptions;
import io.fusedax.backing.volume.VolumeFormatter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Instant;
import java.util.UUID;
import java.util.concurrent.Callable;
import jnr.constants.platform.Errno;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code fuse-dax mkfs}: makes an empty volume. */
@Command(
        name = "mkfs",
        description = {
            "Make an empty volume in REGION.",
            "REGION is a file, on a disk or on tmpfs, or a device-dax; --size makes a file,"
                    + " sparse,",
            "if it is not there."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  fuse-dax mkfs --size 1G /srv/volume.img",
            "  fuse-dax mkfs --size 64G --label scratch /dev/shm/scratch",
            "  fuse-dax mkfs --force /srv/volume.img        # throws the old volume away"
        })
final class MkfsCommand implements Callable<Integer> {
    private static final int MAX_LABEL_BYTES = 64;
    private static final int PROBED_BYTES = 64 << 10;

    @Spec private CommandSpec spec;

    @Option(
            names = "--size",
            paramLabel = "SIZE",
            converter = Sizes.class,
            description = "Size of the region to make, with K, M, G or T: 1M to 16T.")
    private Long sizeBytes;

    @Option(
            names = "--preallocate",
            description = {
                "With --size: take all the storage from the host now,",
                "so that no store can fail for want of it later."
            })
    private boolean preallocate;

    @Option(
            names = {"-L", "--label"},
            paramLabel = "LABEL",
            defaultValue = "",
            description = "Name of the volume, at most 64 bytes of UTF-8.")
    private String label;

    @Option(
            names = {"-U", "--uuid"},
            paramLabel = "UUID",
            description = "Identity of the volume (default: random).")
    private UUID uuid;

    @Option(
            names = "--journal-size",
            paramLabel = "SIZE",
            converter = Sizes.class,
            description =
                    "Size of the journal, at least 256K"
                            + " (default: 1/16 of the region within 256K and 64M).")
    private Long journalBytes;

    @Option(
            names = {"-f", "--force"},
            description = "Overwrite whatever the region holds.")
    private boolean force;

    @Parameters(paramLabel = "REGION", description = "Where the volume is to be.")
    private Path path;

    @Override
    public Integer call() throws CommandFailure, FsException, IOException, InterruptedException {
        checkArguments();
        boolean existed = Files.exists(path);
        boolean empty = !existed || Files.isRegularFile(path) && Files.size(path) == 0;
        if (!existed && sizeBytes == null) {
            throw new CommandFailure(
                    ExitCode.PROBLEM, "no such region, --size would make it: " + path);
        }
        boolean made = false;
        try (Region region = open(empty)) {
            if (!empty && !force) {
                refuseContent(region);
            }
            VolumeFormatter.format(region, formatOptions());
            made = true;
            spec.commandLine().getOut().println(summary(region));
        } finally {
            if (!made && !existed) {
                Files.deleteIfExists(path);
            }
        }
        return ExitCode.OK;
    }

    private void checkArguments() {
        if (sizeBytes != null
                && (sizeBytes < Geometry.MIN_REGION_BYTES
                        || sizeBytes > Geometry.MAX_REGION_BYTES)) {
            throw usage("--size: wants 1M to 16T, not " + sizeBytes + " bytes");
        }
        if (preallocate && sizeBytes == null) {
            throw usage("--preallocate: wants --size");
        }
        if (journalBytes != null && journalBytes < Geometry.MIN_JOURNAL_BYTES) {
            throw usage("--journal-size: wants at least 256K, not " + journalBytes + " bytes");
        }
        if (journalBytes != null && sizeBytes != null && journalBytes > sizeBytes / 2) {
            throw usage("--journal-size: wants at most half of --size");
        }
        if (label.getBytes(StandardCharsets.UTF_8).length > MAX_LABEL_BYTES
                || label.indexOf('\0') >= 0) {
            throw usage("--label: wants at most 64 bytes of UTF-8");
        }
    }

    private ParameterException usage(String message) {
        return new ParameterException(spec.commandLine(), message);
    }

    private Region open(boolean empty) throws FsException, InterruptedException {
        RegionOptions options = RegionOptions.defaults();
        boolean resize = sizeBytes != null && (force || empty);
        if (resize) {
            options =
                    options.withCreateSizeBytes(sizeBytes)
                            .withOverwrite(force)
                            .withPreallocate(preallocate);
        }
        Region region = RegionAccess.open(path, options);
        if (region.readOnly()) {
            region.close();
            throw new FsException(Errno.EACCES, path + ": not writable");
        }
        return region;
    }

    private void refuseContent(Region region) throws CommandFailure {
        if (VolumeFormatter.looksFormatted(region)) {
            throw new CommandFailure(
                    ExitCode.PROBLEM,
                    "holds a volume, " + identity(region) + "; --force overwrites it: " + path);
        }
        int probed = (int) Math.min(PROBED_BYTES, region.sizeBytes());
        byte[] head = new byte[probed];
        region.read(0, head, 0, probed);
        for (byte b : head) {
            if (b != 0) {
                throw new CommandFailure(
                        ExitCode.PROBLEM, "holds other data; --force overwrites it: " + path);
            }
        }
        if (sizeBytes != null
                && sizeBytes / Region.PAGE_BYTES != region.sizeBytes() / Region.PAGE_BYTES) {
            throw new CommandFailure(
                    ExitCode.PROBLEM,
                    "has another size, "
                            + Sizes.human(region.sizeBytes())
                            + "; --force changes it: "
                            + path);
        }
    }

    private static String identity(Region region) {
        try {
            Superblock superblock = Superblock.read(region);
            return "label \"" + superblock.label() + "\", uuid " + superblock.geometry().uuid();
        } catch (FsException e) {
            return "a damaged one";
        }
    }

    private FormatOptions formatOptions() {
        if (uuid == null) {
            uuid = UUID.randomUUID();
        }
        SecureRandom random = new SecureRandom();
        User user = User.current();
        return new FormatOptions(
                uuid,
                label,
                journalBytes == null ? 0 : journalBytes,
                user.uid(),
                user.gid(),
                random.nextLong(),
                random.nextLong(),
                Instant.now().getEpochSecond());
    }

    private String summary(Region region) {
        return String.format(
                "%s: %s, label \"%s\", uuid %s",
                path, Sizes.human(region.sizeBytes()), label, uuid);
    }
}
