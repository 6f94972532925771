package io.fusedax.tools;

import io.fusedax.backing.region.PersistMode;
import io.fusedax.backing.volume.VolumeOptions.AtimeMode;
import io.fusedax.mount.DaxMode;
import io.fusedax.mount.DirectMechanism;
import io.fusedax.mount.FaultGrant;
import io.fusedax.mount.TransportKind;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.BiConsumer;

/** Every -o option of a mount: its name, its value if it takes one, what it does. */
enum MountOption {
    RO("ro", "mount read-only; a journal is replayed in memory only", s -> s.readOnly = true),
    RW("rw", "mount read-write (default)", s -> s.readOnly = false),
    COMMIT(
            "commit",
            "SECONDS",
            "commit the journal at least this often (default 5; 0 means 5)",
            (s, v) -> s.commitSeconds = commitSeconds(v)),
    RELATIME(
            "relatime",
            "reads update access times older than changes or a day (default)",
            s -> s.atime = AtimeMode.RELATIME),
    NOATIME("noatime", "reads never update access times", s -> s.atime = AtimeMode.NOATIME),
    STRICTATIME(
            "strictatime",
            "reads always update access times",
            s -> s.atime = AtimeMode.STRICTATIME),
    DAX(
            "dax",
            "MODE",
            "which files are DAX: always, inode (default: those flagged, chattr +x), never",
            (s, v) -> s.dax = oneOf(DaxMode.class, v)),
    DIRECT(
            "direct",
            "MECHANISM",
            "how programs map DAX files directly: auto (default: uffd where the region is tmpfs or"
                + " memfd), signal (SIGSEGV), uffd (userfaultfd, faster), none (page cache only)",
            (s, v) -> s.direct = oneOf(DirectMechanism.class, v)),
    FAULT(
            "fault",
            "GRANT",
            "what a first store makes writable: exact (default: 4k or 2M, as the kernel),"
                    + " around:SIZE (faster, 4k to 2M)",
            (s, v) -> s.faultBytes = FaultGrant.parse(v)),
    TRANSPORT(
            "transport",
            "TRANSPORT",
            "how the kernel's requests come: auto (default), native (/dev/fuse itself, one inode"
                    + " per file), jnr-fuse (libfuse 2.9)",
            (s, v) -> s.transport = TransportKind.parse(v)),
    PERSIST(
            "persist",
            "MODE",
            "how stores become durable: auto (default), msync, cpu",
            (s, v) -> s.persist = oneOf(PersistMode.class, v)),
    CACHE(
            "cache",
            "SIZE",
            "bound of cached metadata in the daemon (default 64M, at least 1M)",
            (s, v) -> s.cacheBytes = atLeast(Sizes.parse(v), 1L << 20, "1M")),
    INODES(
            "inodes",
            "N",
            "bound of cached inodes in the daemon (default 65536, at least 64)",
            (s, v) -> s.inodes = whole(v, 64, 1 << 26)),
    THREADS(
            "threads",
            "N",
            "threads that serve requests, 2 to 256 (default: by processors)",
            (s, v) -> s.threads = whole(v, 2, 256)),
    ALLOW_OTHER("allow_other", "let other users in", s -> s.allowOther = true),
    ALLOW_ROOT("allow_root", "let root in", s -> s.allowRoot = true),
    DEFAULT_PERMISSIONS(
            "default_permissions", "the kernel checks permissions (always so)", s -> {}),
    ATTR_TIMEOUT(
            "attr_timeout",
            "SECONDS",
            "how long the kernel may keep attributes",
            (s, v) -> s.attributeTimeoutSeconds = seconds(v)),
    ENTRY_TIMEOUT(
            "entry_timeout",
            "SECONDS",
            "how long the kernel may keep names",
            (s, v) -> s.entryTimeoutSeconds = seconds(v)),
    NEGATIVE_TIMEOUT(
            "negative_timeout",
            "SECONDS",
            "how long the kernel may keep absences of names (all three: default for ever)",
            (s, v) -> s.negativeTimeoutSeconds = seconds(v)),
    DIRECT_IO(
            "direct_io",
            "no page cache in the kernel; refuses shared mappings",
            s -> s.directIo = true),
    LOG(
            "log",
            "FILE",
            "the daemon's log (default: fuse-dax.log in /var/log/fuse-dax for root, else in"
                    + " $XDG_STATE_HOME/fuse-dax)",
            (s, v) -> s.log = Path.of(v)),
    LOG_LEVEL(
            "log_level",
            "LEVEL",
            "error, warn, info (default), debug or trace",
            (s, v) -> s.logLevel = logLevel(v)),
    SUID("suid", null, s -> s.kernelFlag("suid", true)),
    NOSUID(
            "nosuid",
            "as in mount(8), like suid, dev, nodev, exec, noexec",
            s -> s.kernelFlag("suid", false)),
    DEV("dev", null, s -> s.kernelFlag("dev", true)),
    NODEV("nodev", null, s -> s.kernelFlag("dev", false)),
    EXEC("exec", null, s -> s.kernelFlag("exec", true)),
    NOEXEC("noexec", null, s -> s.kernelFlag("exec", false));

    /** What mount(8) and fstab mean for others than the file system. */
    private static final Set<String> IGNORED =
            Set.of(
                    "defaults",
                    "auto",
                    "noauto",
                    "user",
                    "nouser",
                    "users",
                    "owner",
                    "group",
                    "nofail",
                    "fail",
                    "_netdev",
                    "async",
                    "loud",
                    "silent");

    private static final List<String> IGNORED_PREFIXES =
            List.of("x-", "X-", "user=", "comment=", "uhelper=");

    private static final int MAX_COMMIT_SECONDS = 86_400;
    private static final int MAX_TIMEOUT_SECONDS = 86_400;
    private static final List<String> LOG_LEVELS =
            List.of("error", "warn", "info", "debug", "trace");

    private final String key;
    private final String valueName;
    private final String help;
    private final BiConsumer<MountSettings, String> effect;

    MountOption(String key, String help, java.util.function.Consumer<MountSettings> effect) {
        this(key, null, help, (settings, value) -> effect.accept(settings));
    }

    MountOption(
            String key, String valueName, String help, BiConsumer<MountSettings, String> effect) {
        this.key = key;
        this.valueName = valueName;
        this.help = help;
        this.effect = effect;
    }

    /**
     * Reads -o arguments; each may hold several options divided by commas ({@code \,} is a comma
     * itself).
     *
     * @throws IllegalArgumentException naming the option that is unknown or has a wrong value
     */
    static MountSettings parse(List<String> arguments) {
        MountSettings settings = new MountSettings();
        for (String argument : arguments) {
            for (String option : split(argument)) {
                apply(option, settings);
            }
        }
        if (settings.allowOther && settings.allowRoot) {
            throw new IllegalArgumentException("allow_other and allow_root exclude each other");
        }
        return settings;
    }

    /** One line or two for each option, for --help. */
    static List<String> helpLines() {
        List<String> lines = new ArrayList<>();
        for (MountOption option : values()) {
            if (option.help != null) {
                String name =
                        option.valueName == null ? option.key : option.key + "=" + option.valueName;
                lines.add(String.format(Locale.ROOT, "  %-24s %s", name, option.help));
            }
        }
        return lines;
    }

    private static void apply(String text, MountSettings settings) {
        if (text.isEmpty()
                || IGNORED.contains(text)
                || IGNORED_PREFIXES.stream().anyMatch(text::startsWith)) {
            return;
        }
        int equals = text.indexOf('=');
        String key = equals < 0 ? text : text.substring(0, equals);
        if (key.equals("remount")) {
            throw new IllegalArgumentException("remount: not supported, unmount and mount again");
        }
        MountOption option =
                Arrays.stream(values())
                        .filter(candidate -> candidate.key.equals(key))
                        .findFirst()
                        .orElseThrow(
                                () ->
                                        new IllegalArgumentException(
                                                "unknown option '" + text + "'"));
        if (option.valueName == null && equals >= 0) {
            throw new IllegalArgumentException(key + ": takes no value: '" + text + "'");
        }
        if (option.valueName != null && equals < 0) {
            throw new IllegalArgumentException(key + ": wants " + key + "=" + option.valueName);
        }
        try {
            option.effect.accept(settings, text.substring(equals + 1));
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(key + ": " + e.getMessage(), e);
        }
    }

    static List<String> split(String argument) {
        List<String> options = new ArrayList<>();
        StringBuilder option = new StringBuilder();
        for (int i = 0; i < argument.length(); i++) {
            char c = argument.charAt(i);
            if (c == '\\' && i + 1 < argument.length()) {
                option.append(argument.charAt(++i));
            } else if (c == ',') {
                options.add(option.toString());
                option.setLength(0);
            } else {
                option.append(c);
            }
        }
        options.add(option.toString());
        return options;
    }

    private static int commitSeconds(String value) {
        int seconds = whole(value, 0, MAX_COMMIT_SECONDS);
        return seconds == 0 ? MountSettings.DEFAULT_COMMIT_SECONDS : seconds; // as ext4 has it
    }

    private static int whole(String value, int min, int max) {
        try {
            int number = Integer.parseInt(value);
            if (number >= min && number <= max) {
                return number;
            }
        } catch (NumberFormatException e) {
            // told below
        }
        throw new IllegalArgumentException(
                "wants a whole number from " + min + " to " + max + ", not '" + value + "'");
    }

    private static double seconds(String value) {
        try {
            double number = Double.parseDouble(value);
            if (number >= 0 && number <= MAX_TIMEOUT_SECONDS) {
                return number;
            }
        } catch (NumberFormatException e) {
            // told below
        }
        throw new IllegalArgumentException(
                "wants seconds from 0 to " + MAX_TIMEOUT_SECONDS + ", not '" + value + "'");
    }

    private static long atLeast(long value, long min, String minText) {
        if (value < min) {
            throw new IllegalArgumentException("wants at least " + minText);
        }
        return value;
    }

    private static <E extends Enum<E>> E oneOf(Class<E> type, String value) {
        for (E constant : type.getEnumConstants()) {
            if (constant.name().toLowerCase(Locale.ROOT).equals(value)) {
                return constant;
            }
        }
        List<String> names =
                Arrays.stream(type.getEnumConstants())
                        .map(constant -> constant.name().toLowerCase(Locale.ROOT))
                        .toList();
        throw new IllegalArgumentException(
                "wants one of " + String.join(", ", names) + ", not '" + value + "'");
    }

    private static String logLevel(String value) {
        if (!LOG_LEVELS.contains(value)) {
            throw new IllegalArgumentException(
                    "wants one of " + String.join(", ", LOG_LEVELS) + ", not '" + value + "'");
        }
        return value;
    }
}
