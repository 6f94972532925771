package io.fusedax.mount;

import io.fusedax.backing.Counters;
import io.fusedax.backing.FsException;
import io.fusedax.backing.region.PersistMode;
import io.fusedax.backing.region.Region;
import io.fusedax.backing.region.RegionOptions;
import io.fusedax.backing.region.Regions;
import io.fusedax.backing.volume.FormatOptions;
import io.fusedax.backing.volume.Volume;
import io.fusedax.backing.volume.VolumeChecker;
import io.fusedax.backing.volume.VolumeFormatter;
import io.fusedax.backing.volume.VolumeOptions;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;

/** A new volume in a memfd, which must be flushed as a file must. */
final class MemoryVolume implements AutoCloseable {
    final Region region;
    final Volume volume;

    private boolean closed;

    /** Of 64 MiB. */
    MemoryVolume() throws FsException {
        this(64 << 20);
    }

    MemoryVolume(int sizeBytes) throws FsException {
        region =
                Regions.open(
                        Path.of("memfd:mount-test"),
                        RegionOptions.defaults()
                                .withCreateSizeBytes(sizeBytes)
                                .withPersistMode(PersistMode.MSYNC),
                        new Counters());
        VolumeFormatter.format(
                region, new FormatOptions(new UUID(1, 2), "", 0, 0, 0, 3, 4, 1_700_000_000));
        volume = Volume.open(region, VolumeOptions.defaults().withCommitIntervalMillis(0));
    }

    /** Unmounts the volume and says what is wrong with it. */
    List<String> unmountAndCheck() throws FsException {
        closed = true;
        volume.close();
        return VolumeChecker.check(region, false, line -> {}).messages();
    }

    @Override
    public void close() throws FsException {
        if (!closed) {
            volume.close();
        }
        region.close();
    }
}
