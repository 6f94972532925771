package io.fusedax.backing.volume;

import io.fusedax.backing.Counters;
import io.fusedax.backing.FsException;
import io.fusedax.backing.region.PersistMode;
import io.fusedax.backing.region.Region;
import io.fusedax.backing.region.RegionOptions;
import io.fusedax.backing.region.Regions;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.UUID;

/** A formatted volume in memory, with calls by name for tests. */
final class TestVolume implements AutoCloseable {
    static final Caller USER = new Caller(1000, 1000);

    final Region region;
    Volume volume;
    private final VolumeOptions options;
    private final long journalBytes;

    TestVolume(long sizeBytes) throws FsException {
        this(sizeBytes, 0);
    }

    TestVolume(long sizeBytes, long journalBytes) throws FsException {
        this.options = VolumeOptions.defaults().withCommitIntervalMillis(0);
        this.region =
                Regions.open(
                        Path.of("memfd:test-volume"),
                        RegionOptions.defaults()
                                .withCreateSizeBytes(sizeBytes)
                                .withPersistMode(PersistMode.CPU),
                        new Counters());
        this.journalBytes = journalBytes;
        format();
        volume = Volume.open(region, options);
    }

    /** Always with the same UUID. */
    void format() throws FsException {
        VolumeFormatter.format(
                region,
                new FormatOptions(new UUID(1, 2), "test", journalBytes, 0, 0, 3, 4, 1_700_000_000));
    }

    /** As kill -9: what was not committed is gone. */
    void crash() throws FsException {
        volume = Volume.open(region, options);
    }

    void remount() throws FsException {
        volume.close();
        volume = Volume.open(region, options);
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    long lookup(long parent, String name) throws FsException {
        byte[] bytes = bytes(name);
        return volume.lookup(parent, bytes, 0, bytes.length);
    }

    long create(long parent, String name) throws FsException {
        byte[] bytes = bytes(name);
        return volume.mknod(parent, bytes, 0, bytes.length, 0100644, 0, USER);
    }

    long mkdir(long parent, String name) throws FsException {
        byte[] bytes = bytes(name);
        return volume.mkdir(parent, bytes, 0, bytes.length, 0755, USER);
    }

    void unlink(long parent, String name) throws FsException {
        byte[] bytes = bytes(name);
        volume.unlink(parent, bytes, 0, bytes.length);
    }

    void rmdir(long parent, String name) throws FsException {
        byte[] bytes = bytes(name);
        volume.rmdir(parent, bytes, 0, bytes.length);
    }

    void link(long inode, long parent, String name) throws FsException {
        byte[] bytes = bytes(name);
        volume.link(inode, parent, bytes, 0, bytes.length);
    }

    void rename(long parent, String name, long newParent, String newName, int flags)
            throws FsException {
        byte[] from = bytes(name);
        byte[] to = bytes(newName);
        volume.rename(parent, from, 0, from.length, newParent, to, 0, to.length, flags);
    }

    int write(long inode, long offset, byte[] content) throws FsException {
        return volume.write(inode, offset, content, 0, content.length, 0, Caller.ROOT);
    }

    byte[] read(long inode, long offset, int length) throws FsException {
        byte[] content = new byte[length];
        int done = volume.read(inode, offset, content, 0, length);
        return java.util.Arrays.copyOf(content, done);
    }

    void truncate(long inode, long sizeBytes) throws FsException {
        volume.setattr(
                inode, new SetAttributes().size(sizeBytes), Caller.ROOT, new InodeAttributes());
    }

    InodeAttributes stat(long inode) throws FsException {
        InodeAttributes attributes = new InodeAttributes();
        volume.getattr(inode, attributes);
        return attributes;
    }

    @Override
    public void close() throws FsException {
        try {
            volume.close();
        } finally {
            region.close();
        }
    }
}
