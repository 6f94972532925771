package io.fusedax.tests.support;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.OptionalLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;

/**
 * A formatted region and its mount, driven only through the command line.
 *
 * <p>Invariant: after {@link #close()} its daemon is gone, nothing is mounted at its mount point
 * and its folder is deleted, whatever happened in between; only processes that hold this very
 * region are ever ended.
 *
 * <p>With {@code -Dcontrol} nothing is mounted: the directory is a plain one of the host, which
 * shows that a test's expectations are those of any file system.
 *
 * <p>{@code -Dfusedax.transport=jnr-fuse} has every mount go through libfuse.
 */
public final class MountedVolume implements AutoCloseable {
    private static final boolean CONTROL =
            System.getProperty("control") != null && !System.getProperty("control").equals("false");

    /** Appended to the options of every mount that does not choose for itself; empty: auto. */
    private static final String TRANSPORT = System.getProperty("fusedax.transport", "");

    private static final Duration START_LIMIT = Duration.ofSeconds(60);
    private static final int SIGKILL = 9;

    private final Path home;
    private final Path region;
    private final Path mountPoint;
    private final String mountOptions;
    private final int owner;
    private final Thread cleanup = new Thread(this::destroy);

    private MountedVolume(Builder builder) {
        try {
            home = Files.createTempDirectory(builder.parent, "fusedax-it-");
            Files.setPosixFilePermissions(
                    home, java.nio.file.attribute.PosixFilePermissions.fromString("rwxr-xr-x"));
            region = home.resolve("region");
            mountPoint = Files.createDirectory(home.resolve("mnt"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        mountOptions = builder.mountOptions;
        owner = builder.owner;
        if (owner != 0) {
            Posix.chown(home, owner, owner);
            Posix.chown(mountPoint, owner, owner);
        }
        java.lang.Runtime.getRuntime().addShutdownHook(cleanup);
        if (!CONTROL) {
            List<Object> words = new ArrayList<>(List.of("mkfs"));
            words.addAll(builder.formatOptions);
            words.addAll(List.of("--size", builder.size, region));
            command(words.toArray()).ok();
        }
    }

    /** How the region is made and mounted. */
    public static final class Builder {
        private Path parent = memory();
        private String size = "256M";
        private String mountOptions = "";
        private int owner;
        private final List<Object> formatOptions = new ArrayList<>();

        public Builder size(String value) {
            size = value;
            return this;
        }

        /** On a plain file of the host's disk, not in memory. */
        public Builder onDisk() {
            parent = disk();
            return this;
        }

        public Builder mountOptions(String commaSeparated) {
            mountOptions = commaSeparated;
            return this;
        }

        /** An ordinary user formats and mounts, instead of root. */
        public Builder owner(int uid) {
            owner = uid;
            return this;
        }

        public Builder formatOptions(Object... words) {
            formatOptions.addAll(List.of(words));
            return this;
        }

        /** Formats, without mounting. */
        public MountedVolume format() {
            assumePossible();
            return new MountedVolume(this);
        }

        /** Formats and mounts. */
        public MountedVolume mount() {
            MountedVolume volume = format();
            try {
                volume.mount();
                return volume;
            } catch (RuntimeException | Error e) {
                volume.close();
                throw e;
            }
        }
    }

    public static Builder builder() {
        return new Builder();
    }

    /** A folder in memory, else on disk. */
    public static Path memory() {
        Path memory = Path.of("/dev/shm");
        return Files.isWritable(memory) && !CONTROL ? memory : disk();
    }

    public static Path disk() {
        return Path.of(System.getProperty("java.io.tmpdir"));
    }

    /** Whether this run mounts nothing. */
    public static boolean isControl() {
        return CONTROL;
    }

    /** Skips a test that asks for what only fuse-dax has. */
    public static void assumeMounted() {
        Assumptions.assumeFalse(CONTROL, "-Dcontrol: nothing is mounted");
        assumePossible();
    }

    private static void assumePossible() {
        if (!CONTROL) {
            Assumptions.assumeTrue(
                    Files.exists(Path.of("/dev/fuse")), "this machine has no /dev/fuse");
            Assumptions.assumeTrue(
                    "root".equals(System.getProperty("user.name")), "these tests mount as root");
        }
    }

    /** Skips a test that mounts as an ordinary user where that cannot be. */
    public static void assumeUsersMount(int uid) {
        assumeMounted();
        Assumptions.assumeTrue(Command.exists("fusermount"), "no fusermount on the path");
        Assumptions.assumeTrue(
                Command.of("test", "-w", "/dev/fuse").asUser(uid).run().exitCode() == 0,
                "/dev/fuse is not open to users here (Debian's udev makes it 0666)");
        Assumptions.assumeTrue(
                Command.of("test", "-x", launcher()).asUser(uid).run().exitCode() == 0,
                "this checkout is not readable by other users");
    }

    /** The launcher in the checkout. */
    public static Path launcher() {
        String given = System.getProperty("fusedax.launcher");
        if (given != null) {
            return Path.of(given);
        }
        return checkout().resolve("tools/fuse-dax");
    }

    /** The root of the checkout these tests belong to. */
    public static Path checkout() {
        Path folder = Path.of("").toAbsolutePath();
        while (folder != null && !Files.exists(folder.resolve("tests/pom.xml"))) {
            folder = folder.getParent();
        }
        if (folder == null) {
            throw new IllegalStateException(
                    "not inside a checkout: " + Path.of("").toAbsolutePath());
        }
        return folder;
    }

    /** A command of fuse-dax. */
    public static Command fuseDax(Object... words) {
        List<Object> all = new ArrayList<>(List.of(launcher()));
        all.addAll(List.of(words));
        return Command.of(all.toArray());
    }

    /** A command of fuse-dax, by the owner of this volume. */
    private Command command(Object... words) {
        Command command = fuseDax(words);
        return owner == 0 ? command : command.with("HOME", home.toString()).asUser(owner);
    }

    /** Where the files are. */
    public Path directory() {
        return mountPoint;
    }

    public Path region() {
        return region;
    }

    /** A folder of the test's own, beside the mount and on the file system of the region. */
    public Path outside() {
        return home;
    }

    public Path resolve(String name) {
        return mountPoint.resolve(name);
    }

    public void mount() {
        mount(mountOptions);
    }

    public void mount(String commaSeparated) {
        if (!CONTROL) {
            mountCommand(commaSeparated).timeout(START_LIMIT).ok();
        }
    }

    /** The mount command, for tests that expect it to fail. */
    public Command mountCommand(String commaSeparated) {
        String options = withTransport(commaSeparated);
        return options.isEmpty()
                ? command("mount", region, mountPoint)
                : command("mount", "-o", options, region, mountPoint);
    }

    private static String withTransport(String options) {
        if (TRANSPORT.isEmpty() || options.contains("transport=")) {
            return options;
        }
        return (options.isEmpty() ? "" : options + ",") + "transport=" + TRANSPORT;
    }

    /** Whether this run mounts through jnr-fuse, which cannot carry everything. */
    public static boolean isJnrFuse() {
        return TRANSPORT.equals("jnr-fuse");
    }

    /** Unmounts and waits until the daemon has let go of the region. */
    public void unmount() {
        if (!CONTROL) {
            OptionalLong daemon = findDaemon();
            command("umount", mountPoint).ok();
            awaitNoDaemon(daemon);
        }
    }

    public void remount() {
        unmount();
        mount();
    }

    /** Ends the daemon as a power cut of its process would, and clears the dead mount away. */
    public void kill9() {
        if (!CONTROL) {
            long daemon = daemonPid();
            Posix.kill(daemon, SIGKILL);
            awaitNoDaemon(OptionalLong.of(daemon));
            detachAll();
        }
    }

    /** Starts mounting and kills the daemon after {@code delay}, wherever it is then. */
    public void killWhileMounting(Duration delay) {
        if (CONTROL) {
            return;
        }
        Process starter = mountCommand(mountOptions).startDiscarding();
        Await.forLoad(delay);
        List<ProcessHandle> children = starter.descendants().toList();
        OptionalLong daemon = findDaemon();
        daemon.ifPresent(pid -> Posix.kill(pid, SIGKILL));
        children.forEach(ProcessHandle::destroyForcibly);
        starter.destroyForcibly();
        Await.until("mount command ends", START_LIMIT, () -> !starter.isAlive());
        Await.until(
                "children of the mount command end",
                START_LIMIT,
                () -> children.stream().noneMatch(ProcessHandle::isAlive));
        awaitNoDaemon(daemon);
        detachAll();
    }

    /** The daemon: programs with direct mappings have the region open, too. */
    public long daemonPid() {
        return findDaemon()
                .orElseThrow(() -> new AssertionError("no process has " + region + " open"));
    }

    public boolean daemonIsRunning() {
        return findDaemon().isPresent();
    }

    public void sync() {
        if (!CONTROL) {
            command("sync", mountPoint).ok();
        }
    }

    public JsonNode stats() {
        return json(command("stats", "--json", mountPoint).ok().out());
    }

    /** One counter of {@link #stats()}. */
    public static long counter(JsonNode stats, String key) {
        JsonNode found = stats.findValue(key);
        if (found == null) {
            throw new AssertionError("no " + key + " in " + stats);
        }
        return found.isObject() ? found.get("value").asLong() : found.asLong();
    }

    public JsonNode dump(Object... words) {
        List<Object> all = new ArrayList<>(List.of("dump", "--json", region));
        all.addAll(List.of(words));
        return json(command(all.toArray()).ok().out());
    }

    public Command.Result fsck(Object... words) {
        List<Object> all = new ArrayList<>(List.of("fsck"));
        all.addAll(List.of(words));
        all.add(region);
        return command(all.toArray()).run();
    }

    /** The region, not mounted, has no fault: fsck -n says so with exit code 0. */
    public void assertClean() {
        if (!CONTROL) {
            fsck("-n").expectExit(0);
        }
    }

    @Override
    public void close() {
        try {
            java.lang.Runtime.getRuntime().removeShutdownHook(cleanup);
        } catch (IllegalStateException e) {
            return; // the hook is running and does the work
        }
        destroy();
    }

    private void destroy() {
        OptionalLong daemon = CONTROL ? OptionalLong.empty() : findDaemon();
        detachAll();
        if (daemon.isPresent()
                && !Await.becomesTrue(Duration.ofSeconds(10), () -> findDaemon().isEmpty())) {
            ProcessHandle.of(daemon.getAsLong()).ifPresent(ProcessHandle::destroyForcibly);
            Await.becomesTrue(Duration.ofSeconds(10), () -> findDaemon().isEmpty());
        }
        deleteTree(home);
    }

    private void awaitNoDaemon(OptionalLong known) {
        Await.until(
                "daemon of " + region + " ends",
                Duration.ofSeconds(30),
                () -> findDaemon().isEmpty() && (known.isEmpty() || hasEnded(known.getAsLong())));
    }

    /** A dying process shows neither words nor files before it has closed the files. */
    private static boolean hasEnded(long pid) {
        try (Stream<Path> threads = Files.list(Path.of("/proc/" + pid + "/task"))) {
            return threads.allMatch(MountedVolume::threadHasEnded);
        } catch (IOException e) {
            return true;
        }
    }

    private static boolean threadHasEnded(Path thread) {
        try {
            String stat = Files.readString(thread.resolve("stat"));
            return "ZX".indexOf(stat.charAt(stat.lastIndexOf(')') + 2)) >= 0;
        } catch (IOException e) {
            return true; // gone
        }
    }

    private void detachAll() {
        boolean more = !CONTROL;
        while (more) {
            more = Posix.detach(mountPoint);
        }
    }

    private OptionalLong findDaemon() {
        try (Stream<ProcessHandle> processes = ProcessHandle.allProcesses()) {
            return processes
                    .mapToLong(ProcessHandle::pid)
                    .filter(pid -> pid != ProcessHandle.current().pid())
                    .filter(pid -> isFuseDax(pid) && holdsRegion(pid))
                    .findFirst();
        }
    }

    private static boolean isFuseDax(long pid) {
        try {
            String words = Files.readString(Path.of("/proc/" + pid + "/cmdline"));
            // One that is ending has lost its words before it loses the region and its lock.
            return words.isEmpty() || words.contains("\0io.fusedax.tools.FuseDax\0");
        } catch (IOException | UncheckedIOException e) {
            return false; // gone meanwhile
        }
    }

    private boolean holdsRegion(long pid) {
        Path process = Path.of("/proc/" + pid);
        try (Stream<Path> descriptors = Files.list(process.resolve("fd"))) {
            if (descriptors.anyMatch(this::isRegion)) {
                return true;
            }
        } catch (IOException | UncheckedIOException e) {
            return false; // gone meanwhile
        }
        try (Stream<String> maps = Files.lines(process.resolve("maps"))) {
            return maps.anyMatch(line -> line.endsWith(region.toString()));
        } catch (IOException | UncheckedIOException e) {
            return false;
        }
    }

    private boolean isRegion(Path descriptor) {
        try {
            return Files.readSymbolicLink(descriptor).equals(region);
        } catch (IOException e) {
            return false;
        }
    }

    private static JsonNode json(String text) {
        try {
            return new ObjectMapper().readTree(text);
        } catch (IOException e) {
            throw new AssertionError("not JSON: " + text, e);
        }
    }

    /** Deletes a tree of the test's own; what cannot go stays behind. */
    public static void deleteTree(Path root) {
        if (!Files.exists(root, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        try (Stream<Path> paths = Files.walk(root)) {
            paths.sorted(Comparator.reverseOrder()).forEach(path -> path.toFile().delete());
        } catch (IOException | UncheckedIOException e) {
            System.out.println("left behind: " + root + " " + e);
        }
    }
}
