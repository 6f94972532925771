package io.fusedax.mount;

import java.util.ArrayList;
import java.util.List;

/** A mount's options in the words of who mounts: mount(2), fusermount3, libfuse. */
final class MountArguments {
    // Flags of mount(2).
    private static final long MS_RDONLY = 1;
    private static final long MS_NOSUID = 1 << 1;
    private static final long MS_NODEV = 1 << 2;
    private static final long MS_NOEXEC = 1 << 3;
    private static final long MS_SYNCHRONOUS = 1 << 4;
    private static final long MS_DIRSYNC = 1 << 7;

    private static final int BLOCK_BYTES = 4096;

    private final MountOptions options;
    private final boolean readOnly;

    /**
     * @param volumeReadOnly whether the volume allows nothing else
     */
    MountArguments(MountOptions options, boolean volumeReadOnly) {
        this.options = options;
        this.readOnly = options.readOnly() || volumeReadOnly;
    }

    /** MS_* of mount(2). */
    long kernelFlags() {
        return (readOnly ? MS_RDONLY : 0)
                | (options.has("suid") ? 0 : MS_NOSUID)
                | (options.has("dev") ? 0 : MS_NODEV)
                | (options.has("noexec") ? MS_NOEXEC : 0)
                | (options.has("sync") ? MS_SYNCHRONOUS : 0)
                | (options.has("dirsync") ? MS_DIRSYNC : 0);
    }

    /** MOUNT_ATTR_* of fsmount(2), which are the same bits. */
    int mountAttributes() {
        return (int) (kernelFlags() & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC));
    }

    /** The options of mount(2) for the kernel's FUSE. */
    List<String> kernelOptions(int device, int uid, int gid) {
        List<String> given = new ArrayList<>();
        given.add("fd=" + device);
        given.add("rootmode=40000");
        given.add("user_id=" + uid);
        given.add("group_id=" + gid);
        given.add("default_permissions");
        if (options.letsOthersIn()) {
            given.add("allow_other");
        }
        return given;
    }

    /** What fsconfig(2) wants for the kernel's FUSE on a block device: flags are options there. */
    List<String> blockOptions(int device, int uid, int gid) {
        List<String> given = kernelOptions(device, uid, gid);
        given.add("blksize=" + BLOCK_BYTES);
        given.add(readOnly ? "ro" : "rw");
        for (String flag : List.of("sync", "dirsync")) {
            if (options.has(flag)) {
                given.add(flag);
            }
        }
        return given;
    }

    /** Options for fusermount3. */
    List<String> helperOptions() {
        List<String> given = common();
        if (options.letsOthersIn()) {
            given.add("allow_other");
        }
        for (String option : options.passedOn()) {
            if (!option.startsWith("allow_") && !option.equals("debug")) {
                given.add(option);
            }
        }
        return given;
    }

    /** The argument vector for libfuse. */
    List<String> libfuseArguments(String mountPoint, boolean nonEmpty) {
        List<String> given = common();
        given.add("use_ino");
        given.add("hard_remove");
        given.add("big_writes");
        given.add("atomic_o_trunc");
        given.add("attr_timeout=" + options.attributeTimeoutSeconds());
        given.add("entry_timeout=" + options.entryTimeoutSeconds());
        given.add("negative_timeout=" + options.negativeTimeoutSeconds());
        if (nonEmpty) {
            given.add("nonempty"); // fuse3's fusermount does not know it, so only when needed
        }
        given.addAll(options.passedOn());
        return List.of("fusedax", "-f", "-o", String.join(",", given), mountPoint);
    }

    private List<String> common() {
        List<String> given = new ArrayList<>();
        given.add("fsname=" + escape(options.sourceName()));
        given.add("subtype=" + KernelMount.SUBTYPE);
        given.add("default_permissions");
        given.add(readOnly ? "ro" : "rw");
        return given;
    }

    private static String escape(String value) {
        return value.replace("\\", "\\\\").replace(",", "\\,");
    }
}
