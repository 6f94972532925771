package io.fusedax.tools;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Other processes, as /proc shows them to this user. */
final class Processes {
    private static final Path PROC = Path.of("/proc");
    private static final long POLL_MILLIS = 5;

    /** {@code 1: FLOCK ADVISORY WRITE 1234 fd:01:5678 0 EOF}; device numbers are hexadecimal. */
    private static final Pattern FLOCK_LINE =
            Pattern.compile("\\d+: FLOCK +\\S+ +\\S+ +(\\d+) ([0-9a-f]+):([0-9a-f]+):(\\d+) .*");

    /** Fields of /proc/PID/stat after the command's closing parenthesis. */
    private static final int STATE_FIELD = 0;

    private static final int START_FIELD = 19;

    private static final String DAEMON_WORDS = "\0" + FuseDax.class.getName() + "\0mount\0";

    private Processes() {}

    /**
     * One process, not its pid's next user.
     *
     * @param startTicks when it started, in clock ticks since boot
     */
    record Identity(long pid, long startTicks) {}

    /** The process, if it runs: a zombie does not, it has let go of everything. */
    static Optional<Identity> find(long pid) {
        try {
            String stat = Files.readString(PROC.resolve(Long.toString(pid)).resolve("stat"));
            String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
            boolean dead = fields[STATE_FIELD].equals("Z") || fields[STATE_FIELD].equals("X");
            return dead
                    ? Optional.empty()
                    : Optional.of(new Identity(pid, Long.parseLong(fields[START_FIELD])));
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    /**
     * Returns once none of the processes runs any more nor holds the region's lock: of one that was
     * killed, some threads may outlive the first by a moment, and keep it.
     */
    static void awaitRelease(Path region, Collection<Identity> processes)
            throws InterruptedException {
        List<Long> pids = processes.stream().map(Identity::pid).toList();
        while (processes.stream().anyMatch(Processes::runs)
                || lockHolders(region).stream().anyMatch(pids::contains)) {
            Thread.sleep(POLL_MILLIS); // not our children: there is nothing else to wait on
        }
    }

    private static boolean runs(Identity process) {
        return find(process.pid()).filter(process::equals).isPresent();
    }

    /** Whether a process is a daemon of ours, or was until just now. */
    static boolean isDaemon(Identity process) {
        try {
            String words = Files.readString(PROC.resolve(process.pid() + "/cmdline"), ISO_8859_1);
            return words.isEmpty() || words.contains(DAEMON_WORDS);
        } catch (IOException e) {
            return true;
        }
    }

    /**
     * The running processes that hold the lock of a region: the daemon, for one that is mounted.
     */
    static List<Identity> holdersOf(Path region) {
        return lockHolders(region).stream().map(Processes::find).flatMap(Optional::stream).toList();
    }

    private static List<Long> lockHolders(Path region) {
        try {
            long device = (Long) Files.getAttribute(region, "unix:dev");
            long inode = (Long) Files.getAttribute(region, "unix:ino");
            return holders(Files.readAllLines(PROC.resolve("locks")), device, inode);
        } catch (IOException e) {
            return List.of();
        }
    }

    /** The pids that /proc/locks says hold a flock on the file. */
    static List<Long> holders(List<String> lines, long device, long inode) {
        long major = (device >>> 8 & 0xfff) | (device >>> 32 & 0xfffff000L);
        long minor = (device & 0xff) | (device >>> 12 & 0xffffff00L);
        return lines.stream()
                .map(FLOCK_LINE::matcher)
                .filter(Matcher::matches)
                .filter(
                        line ->
                                Long.parseLong(line.group(2), 16) == major
                                        && Long.parseLong(line.group(3), 16) == minor
                                        && Long.parseUnsignedLong(line.group(4)) == inode)
                .map(line -> Long.parseLong(line.group(1)))
                .filter(pid -> pid > 0)
                .distinct()
                .toList();
    }

    /**
     * {@code name (pid)} of each process that works in a directory or has something open below it.
     */
    static List<String> usersOf(Path directory) {
        List<String> users = new ArrayList<>();
        try (DirectoryStream<Path> processes = Files.newDirectoryStream(PROC, "[0-9]*")) {
            for (Path process : processes) {
                if (uses(process, directory)) {
                    users.add(commandName(process) + " (" + process.getFileName() + ")");
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return users;
    }

    private static boolean uses(Path process, Path directory) {
        for (String link : List.of("cwd", "root", "exe")) {
            if (pointsBelow(process.resolve(link), directory)) {
                return true;
            }
        }
        return anyPointsBelow(process.resolve("fd"), directory)
                || anyPointsBelow(process.resolve("map_files"), directory);
    }

    private static boolean anyPointsBelow(Path links, Path directory) {
        try (DirectoryStream<Path> stream = Files.newDirectoryStream(links)) {
            for (Path link : stream) {
                if (pointsBelow(link, directory)) {
                    return true;
                }
            }
        } catch (IOException | java.nio.file.DirectoryIteratorException e) {
            // gone, or not ours to see
        }
        return false;
    }

    private static boolean pointsBelow(Path link, Path directory) {
        try {
            return Files.readSymbolicLink(link).startsWith(directory);
        } catch (IOException e) {
            return false;
        }
    }

    private static String commandName(Path process) {
        try {
            return Files.readString(process.resolve("comm")).strip();
        } catch (IOException e) {
            return "?";
        }
    }
}
