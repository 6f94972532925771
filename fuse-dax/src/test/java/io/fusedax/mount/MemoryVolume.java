package io.fusedax.mount;

import io.fusedax.backing.Counters;
import io.fusedax.backing.FsException;
import io.fusedax.backing.region.PersistMode;
import io.fusedax.backing.region.Region;
import io.fusedax.backing.region.RegionOptions;
import io.fusedax.backing.region.Regions;
import io.fusedax.backing.volume.FormatOptions;
import io.fusedax.backing.volume.Volume;
import io.fusedax.backing.volume.VolumeFormatter;
import io.fusedax.backing.volume.VolumeOptions;
import java.nio.file.Path;
import java.util.UUID;

/** A new volume of 64 MiB in a memfd, which must be flushed as a file must. */
final class MemoryVolume implements AutoCloseable {
    final Region region;
    final Volume volume;

    MemoryVolume() throws FsException {
        region =
                Regions.open(
                        Path.of("memfd:mount-test"),
                        RegionOptions.defaults()
                                .withCreateSizeBytes(64 << 20)
                                .withPersistMode(PersistMode.MSYNC),
                        new Counters());
        VolumeFormatter.format(
                region, new FormatOptions(new UUID(1, 2), "", 0, 0, 0, 3, 4, 1_700_000_000));
        volume = Volume.open(region, VolumeOptions.defaults().withCommitIntervalMillis(0));
    }

    @Override
    public void close() throws FsException {
        volume.close();
        region.close();
    }
}
