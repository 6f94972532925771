package io.fusedax.tests.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Makes and mounts the peers. All of them keep their bytes under one directory on tmpfs. Mount
 * points live in the mount namespace that tests/bench starts, so nothing outside can walk into one
 * (fusexmp_fh shows the whole machine).
 */
final class Peers {
    private final BenchOptions options;
    private int sequence;

    Peers(BenchOptions options) {
        this.options = options;
    }

    Mounted mount(PeerKind kind, Caching caching) throws IOException, InterruptedException {
        return switch (kind) {
            case FUSE_DAX -> mountNewRegion("4G", caching);
            case PASSTHROUGH -> mountPassthrough(caching);
            case FUSEXMP -> mountFusexmp(caching);
            case FUSE2FS -> mountFuse2fs(caching);
            case EXT4 -> mountExt4();
        };
    }

    /** Formats a region of ours and mounts it in the foreground of a child process. */
    Mounted mountNewRegion(String size, Caching caching) throws IOException, InterruptedException {
        return mountRegion(newRegion(size), caching);
    }

    Path newRegion(String size) throws IOException, InterruptedException {
        Path region = newDirectory("region").resolve("region");
        Processes.run(options.launcher(), "mkfs", "--size", size, region.toString());
        return region;
    }

    /**
     * Mounts a region of ours.
     *
     * @param more options of mount beside those of {@code caching}
     */
    Mounted mountRegion(Path region, Caching caching, String... more)
            throws IOException, InterruptedException {
        Path mountPoint = newMountPoint("fuse-dax");
        List<String> mountOptions = new ArrayList<>(caching.ownOptions());
        for (String option : more) {
            mountOptions.addAll(List.of("-o", option));
        }
        List<String> command =
                command(
                        List.of(options.launcher(), "mount", "-f"),
                        mountOptions,
                        region,
                        mountPoint);
        return mounted(PeerKind.FUSE_DAX, mountPoint, mountPoint, startDaemon(mountPoint, command));
    }

    private Mounted mountFusexmp(Caching caching) throws IOException, InterruptedException {
        Path mountPoint = newMountPoint("fusexmp");
        Path backing = newDirectory("fusexmp-backing");
        List<String> command =
                command(
                        List.of(options.fusexmp().toString(), "-f"),
                        caching.peerOptions(),
                        mountPoint);
        Process daemon = startDaemon(mountPoint, command);
        return mounted(
                PeerKind.FUSEXMP, mountPoint, Path.of(mountPoint.toString() + backing), daemon);
    }

    /** The low-level example of libfuse 3: like ours it works by inode. */
    private Mounted mountPassthrough(Caching caching) throws IOException, InterruptedException {
        Path mountPoint = newMountPoint("passthrough");
        String backing = "source=" + newDirectory("passthrough-backing");
        List<String> command =
                command(
                        List.of(options.passthrough().toString(), "-f"),
                        caching.lowLevelOptions(backing),
                        mountPoint);
        return mounted(
                PeerKind.PASSTHROUGH, mountPoint, mountPoint, startDaemon(mountPoint, command));
    }

    private Mounted mountFuse2fs(Caching caching) throws IOException, InterruptedException {
        Path mountPoint = newMountPoint("fuse2fs");
        Path image = newImage("-O", "^has_journal");
        List<String> command =
                command(
                        List.of("fuse2fs", "-f"),
                        caching.peerOptions("no_default_opts"),
                        image,
                        mountPoint);
        return mounted(PeerKind.FUSE2FS, mountPoint, mountPoint, startDaemon(mountPoint, command));
    }

    private static List<String> command(
            List<String> program, List<String> mountOptions, Path... operands) {
        List<String> command = new ArrayList<>(program);
        command.addAll(mountOptions);
        for (Path operand : operands) {
            command.add(operand.toString());
        }
        return command;
    }

    private Mounted mountExt4() throws IOException, InterruptedException {
        Path mountPoint = newMountPoint("ext4");
        Processes.run(
                "mount", "-t", "ext4", "-o", "loop", newImage().toString(), mountPoint.toString());
        return mounted(PeerKind.EXT4, mountPoint, mountPoint, null);
    }

    private Path newImage(String... mkfsOptions) throws IOException, InterruptedException {
        Path image = newDirectory("image").resolve("ext4");
        List<String> command =
                new ArrayList<>(
                        List.of(
                                "mke2fs",
                                "-q",
                                "-t",
                                "ext4",
                                "-E",
                                "lazy_itable_init=0,lazy_journal_init=0"));
        command.addAll(List.of(mkfsOptions));
        command.addAll(List.of(image.toString(), "4G"));
        Processes.run(command.toArray(String[]::new));
        return image;
    }

    private Process startDaemon(Path mountPoint, List<String> command)
            throws IOException, InterruptedException {
        Path log = options.workDirectory().resolve("daemons.log");
        Process daemon = Processes.start(log, command);
        Processes.await(
                "mount by: " + String.join(" ", command) + " (see " + log + ")",
                () -> Processes.isMountPoint(mountPoint) || !daemon.isAlive());
        if (!daemon.isAlive()) {
            throw new IOException(String.join(" ", command) + " ended: " + Files.readString(log));
        }
        return daemon;
    }

    private static Mounted mounted(PeerKind kind, Path mountPoint, Path directory, Process daemon)
            throws InterruptedException {
        Processes.await("answer at " + directory, () -> Files.isDirectory(directory));
        return new Mounted(kind, mountPoint, directory, daemon);
    }

    Path newMountPoint(String name) throws IOException {
        return Files.createDirectory(options.mountDirectory().resolve(sequence++ + "-" + name));
    }

    /** A new directory on tmpfs. */
    private Path newDirectory(String name) throws IOException {
        return Files.createDirectory(options.workDirectory().resolve(sequence++ + "-" + name));
    }
}
