package io.fusedax.tools;

import io.fusedax.backing.region.PersistMode;
import io.fusedax.backing.volume.VolumeOptions.AtimeMode;
import io.fusedax.mount.DaxMode;
import io.fusedax.mount.DirectMechanism;
import io.fusedax.mount.MountOptions;
import io.fusedax.mount.TransportKind;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What the -o options of a mount ask for, checked. Filled by {@link MountOption#parse}, then only
 * read.
 */
final class MountSettings {
    static final int DEFAULT_COMMIT_SECONDS = 5;

    boolean readOnly;
    int commitSeconds = DEFAULT_COMMIT_SECONDS;
    boolean allowOther;
    boolean allowRoot;
    DaxMode dax = DaxMode.INODE;
    DirectMechanism direct = DirectMechanism.AUTO;

    /** 0: as the kernel. */
    int faultBytes;

    /** Null: the best that works. */
    TransportKind transport;

    AtimeMode atime = AtimeMode.RELATIME;
    long cacheBytes = 64L << 20;
    int inodes = 1 << 16;
    PersistMode persist = PersistMode.AUTO;

    double attributeTimeoutSeconds = MountOptions.UNLIMITED_SECONDS;

    double entryTimeoutSeconds = MountOptions.UNLIMITED_SECONDS;
    double negativeTimeoutSeconds = MountOptions.UNLIMITED_SECONDS;

    boolean directIo;

    /** 0: the mount's default. */
    int threads;

    /** As given; null for the default place. */
    Path log;

    String logLevel = "info";

    /** {@code nosuid} against {@code suid} and so on: the last one of each pair holds. */
    private final Map<String, Boolean> kernelFlags = new LinkedHashMap<>();

    void kernelFlag(String flag, boolean allowed) {
        kernelFlags.put(flag, allowed);
    }

    /**
     * The flags the kernel is to enforce, for libfuse: it takes nosuid and nodev as given, unlike
     * mount(2), so that what every other file system of root's allows has to be said.
     *
     * @param privileged whether root mounts
     */
    List<String> kernelFlagOptions(boolean privileged) {
        List<String> options = new ArrayList<>();
        for (String flag : List.of("suid", "dev", "exec")) {
            boolean allowed = kernelFlags.getOrDefault(flag, privileged || flag.equals("exec"));
            if (allowed && privileged && !flag.equals("exec")) {
                options.add(flag);
            } else if (!allowed) {
                options.add("no" + flag);
            }
        }
        return options;
    }

    @Override
    public String toString() {
        return String.format(
                Locale.ROOT,
                "%s commit=%d dax=%s direct=%s fault=%s %s cache=%d inodes=%d persist=%s",
                readOnly ? "ro" : "rw",
                commitSeconds,
                dax.name().toLowerCase(Locale.ROOT),
                direct.name().toLowerCase(Locale.ROOT),
                faultBytes == 0 ? "exact" : "around:" + faultBytes,
                atime.name().toLowerCase(Locale.ROOT),
                cacheBytes,
                inodes,
                persist.name().toLowerCase(Locale.ROOT));
    }
}
