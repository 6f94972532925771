package io.fusedax.tools;

import io.fusedax.backing.FsException;
import io.fusedax.backing.region.BlockDevices;
import io.fusedax.backing.region.RegionOutlook;
import io.fusedax.tools.region.PmemDevice;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** What fuse-dax would do with a place, and what makes a place usable that is not. */
final class RegionAdvice {
    private static final String USABLE = "usable";
    private static final String REASON = "reason";
    private static final String COMMANDS = "commands";

    private RegionAdvice() {}

    /**
     * On a device.
     *
     * @param mounts of its file system
     */
    static Map<String, Object> on(PmemDevice device, List<HostMounts.Entry> mounts) {
        if (device.isFree()) {
            String create = "ndctl create-namespace -r " + device.region() + " -m ";
            return refused("free: no namespace yet", List.of(create + "devdax", create + "fsdax"));
        }
        if (device.deviceName() == null) {
            String enable = "ndctl enable-namespace " + device.namespace();
            return refused("the namespace is disabled", List.of(enable));
        }
        if (!mounts.isEmpty()) {
            return on(mounts.get(0));
        }
        Map<String, Object> advice = on(device.path());
        if (advice.get(USABLE).equals(false) && device.namespace() != null) {
            advice.put(COMMANDS, BlockDevices.commands(device.namespace()));
        }
        return advice;
    }

    private static Map<String, Object> refused(String reason, List<String> commands) {
        Map<String, Object> advice = new LinkedHashMap<>();
        advice.put(USABLE, false);
        advice.put(REASON, reason);
        advice.put(COMMANDS, commands);
        return advice;
    }

    private static Map<String, Object> on(HostMounts.Entry mount) {
        String file = mount.directory().resolve("region").toString();
        Map<String, Object> advice = new LinkedHashMap<>();
        advice.put(USABLE, true);
        advice.put(REASON, reason(mount.dax()));
        advice.put(COMMANDS, List.of("fuse-dax region create --size SIZE " + file));
        return advice;
    }

    private static String reason(HostMounts.Dax dax) {
        return switch (dax) {
            case ALWAYS -> "a file on it can be the region, mapped with MAP_SYNC";
            case INODE ->
                    "a file on it can be the region, with MAP_SYNC if its directory is flagged"
                            + " (chattr +x) or the mount made with -o dax";
            case NEVER -> "a file on it can be the region, a plain one: mounted without DAX";
        };
    }

    /** On a file or a device. */
    static Map<String, Object> on(Path path) {
        Map<String, Object> advice = new LinkedHashMap<>();
        try {
            RegionOutlook outlook = RegionOutlook.of(path);
            advice.put(USABLE, true);
            advice.put("kind", lower(outlook.kind()));
            advice.put("flush_mechanism", lower(outlook.flushMechanism()));
            advice.put(REASON, outlook.reason());
        } catch (FsException e) {
            advice.put(USABLE, false);
            advice.put(REASON, FuseDax.message(e));
        }
        return advice;
    }

    private static String lower(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT);
    }
}
