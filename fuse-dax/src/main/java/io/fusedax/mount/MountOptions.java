package io.fusedax.mount;

import java.util.LinkedHashSet;
import java.util.Locale;
import java.util.Set;

/**
 * How a volume is mounted. Made by a {@link Builder}, by method or by option name as in {@code -o
 * NAME[=VALUE]}:
 *
 * <table>
 * <caption>Options</caption>
 * <tr><td>{@code ro}, {@code rw}</td><td>read-only or not (default); a read-only volume is always
 *   mounted read-only</td></tr>
 * <tr><td>{@code allow_other}</td><td>other users may use the mount too</td></tr>
 * <tr><td>{@code allow_root}</td><td>root may use it besides the owner</td></tr>
 * <tr><td>{@code default_permissions}</td><td>accepted, and always on</td></tr>
 * <tr><td>{@code suid}, {@code nosuid}, {@code dev}, {@code nodev}, {@code exec}, {@code noexec},
 *   {@code sync}, {@code async}, {@code dirsync}, {@code nonempty}</td><td>as in mount(8); nosuid
 *   and nodev are FUSE's defaults</td></tr>
 * <tr><td>{@code fsname=TEXT}</td><td>source shown in /proc/mounts, default "fusedax"</td></tr>
 * <tr><td>{@code direct_io}</td><td>no page cache</td></tr>
 * <tr><td>{@code attr_timeout=S}</td><td>seconds attributes stay in the kernel's cache,
 *   default unlimited. Correct because the volume changes only through this mount; inodes with several names,
 *   which the kernel takes for several files, are exempt (see {@code CachePolicy})</td></tr>
 * <tr><td>{@code entry_timeout=S}, {@code negative_timeout=S}</td><td>the same for names and for
 *   names known to be absent, default unlimited</td></tr>
 * <tr><td>{@code threads=N}</td><td>request threads, 2..256; default: processors, 2..16</td></tr>
 * <tr><td>{@code dax=MODE}</td><td>which files are DAX: {@code always}, {@code inode} (default:
 *   those with the flag FS_XFLAG_DAX), {@code never}</td></tr>
 * <tr><td>{@code direct=MECHANISM}</td><td>how programs map DAX files directly: {@code auto}
 *   (default: the best that the region allows), {@code signal}, {@code uffd} (userfaultfd, where
 *   the region is tmpfs or a memfd), {@code none}</td></tr>
 * <tr><td>{@code fault=exact}, {@code fault=around:SIZE}</td><td>what a first store to a direct
 *   mapping makes writable: as the kernel (default), or SIZE around it, a power of two of 4k to
 *   2m</td></tr>
 * <tr><td>{@code transport=auto}, {@code transport=native}, {@code transport=jnr-fuse}</td><td>how
 *   requests reach the mount; default auto: native if the kernel is of 2018 or newer</td></tr>
 * <tr><td>{@code debug}</td><td>libfuse prints its requests on standard error; nothing on the
 *   native transport</td></tr>
 * </table>
 */
public final class MountOptions {
    /** For ever: the volume changes only through its one mount. */
    public static final int UNLIMITED_SECONDS = Integer.MAX_VALUE;

    /** Options that go to mount(2) or to libfuse as they are. */
    private static final Set<String> PASSED_ON =
            Set.of(
                    "suid",
                    "nosuid",
                    "dev",
                    "nodev",
                    "exec",
                    "noexec",
                    "sync",
                    "async",
                    "dirsync",
                    "debug",
                    "allow_other",
                    "allow_root");

    private final boolean readOnly;
    private final boolean directIo;
    private final String sourceName;
    private final double attributeTimeoutSeconds;
    private final double entryTimeoutSeconds;
    private final double negativeTimeoutSeconds;
    private final int threads;
    private final Set<String> passedOn;
    private final DaxMode dax;
    private final DirectMechanism direct;
    private final int faultBytes;
    private final TransportKind transport;

    private MountOptions(Builder builder) {
        readOnly = builder.readOnly;
        directIo = builder.directIo;
        sourceName = builder.sourceName;
        attributeTimeoutSeconds = builder.attributeTimeoutSeconds;
        entryTimeoutSeconds = builder.entryTimeoutSeconds;
        negativeTimeoutSeconds = builder.negativeTimeoutSeconds;
        threads = builder.threads;
        passedOn = Set.copyOf(builder.passedOn);
        direct = builder.direct;
        dax = builder.dax;
        faultBytes = builder.faultBytes;
        transport = builder.transport;
    }

    /** All defaults. */
    public static MountOptions defaults() {
        return new Builder().build();
    }

    /** A builder that starts from the defaults. */
    public static Builder builder() {
        return new Builder();
    }

    /** Whether the mount refuses changes. */
    public boolean readOnly() {
        return readOnly;
    }

    /** Whether all files bypass the page cache. */
    public boolean directIo() {
        return directIo;
    }

    /** The source shown in /proc/mounts. */
    public String sourceName() {
        return sourceName;
    }

    /** Seconds that attributes may be cached. */
    public double attributeTimeoutSeconds() {
        return attributeTimeoutSeconds;
    }

    /** Seconds that names may be cached. */
    public double entryTimeoutSeconds() {
        return entryTimeoutSeconds;
    }

    /** Seconds that it may be cached that a name is absent. */
    public double negativeTimeoutSeconds() {
        return negativeTimeoutSeconds;
    }

    /** Whether nobody but root and the owner may use the mount. */
    boolean allowRoot() {
        return passedOn.contains("allow_root");
    }

    /** How requests reach the mount: as asked for, otherwise native if the kernel allows it. */
    public TransportKind transport() {
        if (transport != null) {
            return transport;
        }
        return NativeTransport.isPossible(KernelRelease.running())
                ? TransportKind.NATIVE
                : TransportKind.JNR_FUSE;
    }

    /** Whether users other than the owner may reach the mount at all. */
    boolean letsOthersIn() {
        return allowRoot() || passedOn.contains("allow_other");
    }

    /** Whether a flag option was given, such as "nosuid" or "allow_other". */
    boolean has(String option) {
        return passedOn.contains(option);
    }

    /** The flag options for mount(2) or libfuse, as given. */
    Set<String> passedOn() {
        return passedOn;
    }

    /** Number of threads that serve requests. */
    public int threads() {
        return threads;
    }

    /** Which files are DAX; none where there are no direct mappings. */
    public DaxMode dax() {
        return direct == DirectMechanism.NONE ? DaxMode.NEVER : dax;
    }

    /** How programs map DAX files directly. */
    public DirectMechanism direct() {
        return direct;
    }

    /** What a first store makes writable: 0 as the kernel does, else bytes. */
    public int faultBytes() {
        return faultBytes;
    }

    /** Collects options; not for several threads. */
    public static final class Builder {
        private boolean readOnly;
        private boolean directIo;
        private String sourceName = "fusedax";
        private double attributeTimeoutSeconds = UNLIMITED_SECONDS;
        private double entryTimeoutSeconds = UNLIMITED_SECONDS;
        private double negativeTimeoutSeconds = UNLIMITED_SECONDS;
        private int threads = defaultThreads();
        private final Set<String> passedOn = new LinkedHashSet<>();
        private DaxMode dax = DaxMode.INODE;
        private DirectMechanism direct = DirectMechanism.AUTO;
        private int faultBytes;
        private TransportKind transport;

        private Builder() {}

        /** Few: waking a thread costs more than a request does. */
        private static int defaultThreads() {
            return Math.min(16, Math.max(2, Runtime.getRuntime().availableProcessors()));
        }

        /** {@code ro} or {@code rw}. */
        public Builder readOnly(boolean value) {
            readOnly = value;
            return this;
        }

        /** {@code fsname}: usually the region's path. */
        public Builder sourceName(String value) {
            sourceName = value;
            return this;
        }

        /** {@code allow_other}. */
        public Builder allowOther() {
            passedOn.add("allow_other");
            return this;
        }

        /** {@code direct_io}. */
        public Builder directIo(boolean value) {
            directIo = value;
            return this;
        }

        /** All three timeouts, in seconds. */
        public Builder timeouts(double attributes, double entries, double negative) {
            attributeTimeoutSeconds = attributes;
            entryTimeoutSeconds = entries;
            negativeTimeoutSeconds = negative;
            return this;
        }

        /**
         * {@code threads}.
         *
         * @param value at least 2: some answers need another request served meanwhile
         */
        public Builder threads(int value) {
            if (value < 2 || value > 256) {
                throw new IllegalArgumentException("threads must be 2..256");
            }
            threads = value;
            return this;
        }

        /**
         * {@code transport}.
         *
         * @param value null: whichever is best here
         */
        public Builder transport(TransportKind value) {
            transport = value;
            return this;
        }

        /** {@code dax}. */
        public Builder dax(DaxMode value) {
            dax = value;
            return this;
        }

        /** {@code direct}. */
        public Builder direct(DirectMechanism value) {
            direct = value;
            return this;
        }

        /**
         * {@code fault}.
         *
         * @param value 0 as the kernel does, or bytes: a power of two of 4 KiB to 2 MiB
         */
        public Builder faultBytes(int value) {
            FaultGrant.check(value);
            faultBytes = value;
            return this;
        }

        /**
         * Takes one option by name.
         *
         * @param option {@code NAME} or {@code NAME=VALUE}
         * @return false if there is no such option
         * @throws IllegalArgumentException if its value is missing or wrong; the message is for
         *     people
         */
        public boolean accept(String option) {
            int equals = option.indexOf('=');
            return equals < 0
                    ? acceptFlag(option)
                    : acceptValue(option.substring(0, equals), option.substring(equals + 1));
        }

        private boolean acceptFlag(String name) {
            switch (name) {
                case "ro":
                    readOnly = true;
                    return true;
                case "rw":
                    readOnly = false;
                    return true;
                case "direct_io":
                    directIo = true;
                    return true;
                case "default_permissions":
                case "nonempty":
                case "big_writes":
                case "use_ino":
                    return true;
                case "fsname":
                case "attr_timeout":
                case "entry_timeout":
                case "negative_timeout":
                case "threads":
                case "dax":
                case "direct":
                case "fault":
                case "transport":
                    throw new IllegalArgumentException(name + " needs a value");
                default:
                    if (!PASSED_ON.contains(name)) {
                        return false;
                    }
                    passedOn.add(name);
                    return true;
            }
        }

        private boolean acceptValue(String name, String value) {
            switch (name) {
                case "fsname":
                    sourceName = value;
                    return true;
                case "attr_timeout":
                    attributeTimeoutSeconds = seconds(name, value);
                    return true;
                case "entry_timeout":
                    entryTimeoutSeconds = seconds(name, value);
                    return true;
                case "negative_timeout":
                    negativeTimeoutSeconds = seconds(name, value);
                    return true;
                case "threads":
                    threads((int) seconds(name, value));
                    return true;
                case "dax":
                    dax = daxMode(value);
                    return true;
                case "direct":
                    direct = directMode(value);
                    return true;
                case "transport":
                    transport = TransportKind.parse(value);
                    return true;
                case "fault":
                    faultBytes(FaultGrant.parse(value));
                    return true;
                default:
                    return false;
            }
        }

        private static DaxMode daxMode(String value) {
            for (DaxMode mode : DaxMode.values()) {
                if (mode.name().toLowerCase(Locale.ROOT).equals(value)) {
                    return mode;
                }
            }
            throw new IllegalArgumentException("dax=" + value + ": always, inode or never");
        }

        private static DirectMechanism directMode(String value) {
            for (DirectMechanism mode : DirectMechanism.values()) {
                if (mode.name().toLowerCase(Locale.ROOT).equals(value)) {
                    return mode;
                }
            }
            throw new IllegalArgumentException("direct=" + value + ": auto, signal, uffd or none");
        }

        private static double seconds(String name, String value) {
            try {
                double number = Double.parseDouble(value);
                if (number >= 0 && number <= Integer.MAX_VALUE) {
                    return number;
                }
            } catch (NumberFormatException e) {
                // the same message as for a number out of range
            }
            throw new IllegalArgumentException(name + "=" + value + ": not a valid number");
        }

        /** The options collected so far. */
        public MountOptions build() {
            return new MountOptions(this);
        }
    }
}
