package io.fusedax.tools;

import io.fusedax.backing.region.BadBlocks;
import io.fusedax.backing.region.DeviceNumbers;
import io.fusedax.backing.region.PersistenceDomain;
import io.fusedax.tools.region.PmemDevice;
import io.fusedax.tools.region.PmemDiscovery;
import io.fusedax.tools.region.RegionMode;
import io.fusedax.tools.region.RegionType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * Tells what persistent memory is and what it is used for, as trees for {@link Output}, with
 * ndctl's names where it has one: {@code size} and {@code align} in bytes, {@code badblocks} in
 * units of 512 bytes. What is not known is left out.
 */
final class RegionReport {
    private static final int TYPE_MASK = 0170000;
    private static final int TYPE_CHARACTER_DEVICE = 0020000;
    private static final int TYPE_BLOCK_DEVICE = 0060000;

    private final PmemDiscovery discovery;
    private final HostMounts mounts;
    private final MountTable volumes;
    private final Programs programs;

    RegionReport(
            PmemDiscovery discovery, HostMounts mounts, MountTable volumes, Programs programs) {
        this.discovery = discovery;
        this.mounts = mounts;
        this.volumes = volumes;
        this.programs = programs;
    }

    /** Of this machine, as it is now. */
    static RegionReport ofThisMachine() throws IOException {
        String kernelCommandLine = Files.readString(Path.of("/proc/cmdline"));
        return new RegionReport(
                new PmemDiscovery(Path.of("/sys"), kernelCommandLine),
                HostMounts.read(),
                MountTable.read(),
                Programs.installed());
    }

    /** Everything sysfs shows. */
    List<PmemDevice> devices() {
        return discovery.find();
    }

    /** Where the regions of live mounts are: devices and files. */
    List<Path> mountedRegions() {
        return volumes.entries().stream().map(entry -> Path.of(entry.source())).toList();
    }

    /**
     * The one that a path, a namespace's or a region's name stands for.
     *
     * @return empty when the path is there and is none
     * @throws CommandFailure when nothing has this name, or a device is none of persistent memory
     */
    Optional<PmemDevice> device(Path path) throws CommandFailure, IOException {
        if (!Files.exists(path)) {
            return Optional.of(named(path));
        }
        Map<String, Object> stat = Files.readAttributes(path, "unix:mode,rdev");
        int type = (Integer) stat.get("mode") & TYPE_MASK;
        if (type != TYPE_BLOCK_DEVICE && type != TYPE_CHARACTER_DEVICE) {
            return Optional.empty();
        }
        boolean block = type == TYPE_BLOCK_DEVICE;
        Optional<PmemDevice> device = discovery.ofDevice(block, (Long) stat.get("rdev"));
        if (device.isEmpty()) {
            throw new CommandFailure(
                    ExitCode.PROBLEM, "a device, but not of persistent memory: " + path);
        }
        return device;
    }

    private PmemDevice named(Path name) throws CommandFailure {
        return devices().stream()
                .filter(
                        device ->
                                name.toString().equals(device.namespace())
                                        || device.isFree()
                                                && name.toString().equals(device.region()))
                .findFirst()
                .orElseThrow(
                        () ->
                                new CommandFailure(
                                        ExitCode.PROBLEM,
                                        "no such file, device or namespace: " + name));
    }

    /** A namespace, a device-dax or free space. */
    Map<String, Object> of(PmemDevice device) throws InterruptedException {
        Map<String, Object> tree = new LinkedHashMap<>();
        put(tree, "path", device.path() == null ? null : device.path().toString());
        tree.put("type", device.type().word());
        put(tree, "provider", device.provider());
        put(tree, "region", device.region());
        put(tree, "namespace", device.namespace());
        put(tree, "mode", device.mode() == null ? null : device.mode().word());
        tree.put("state", state(device));
        put(tree, "size", device.sizeBytes());
        put(tree, "align", device.alignmentBytes());
        put(tree, "sector_size", device.sectorBytes());
        put(tree, "uuid", device.uuid());
        put(tree, "numa_node", device.numaNode());
        tree.put("persistence_domain", lower(device.persistenceDomain()));
        putBadBlocks(tree, device.badBlocks());
        List<String> problems = new ArrayList<>(device.problems());
        List<String> users = device.deviceName() == null ? List.of() : users(device);
        if (device.mode() == RegionMode.DEVDAX && device.deviceName() != null) {
            putVolume(tree, VolumeGlance.at(device.path()), problems);
        } else if (device.mode() != RegionMode.SYSTEM_RAM && device.deviceName() != null) {
            putFileSystem(tree, device, problems);
        }
        putUse(tree, users, problems);
        return tree;
    }

    private static String state(PmemDevice device) {
        if (device.isFree()) {
            return "free";
        }
        return device.deviceName() == null ? "disabled" : "enabled";
    }

    private void putFileSystem(Map<String, Object> tree, PmemDevice device, List<String> problems)
            throws InterruptedException {
        List<HostMounts.Entry> mounted = mountsOf(device);
        if (!mounted.isEmpty()) {
            tree.put("file_system", fileSystem(mounted.get(0), true));
            return;
        }
        try {
            Optional<String> signature = Signature.of(device.path(), programs);
            put(tree, "signature", signature.orElse(null));
        } catch (IOException e) {
            problems.add(e.getMessage());
        }
    }

    /** Who uses a device that is enabled. */
    List<String> users(PmemDevice device) {
        List<String> users = new ArrayList<>();
        if (device.mode() == RegionMode.SYSTEM_RAM) {
            users.add("the kernel, as memory");
        }
        users.addAll(users(device.path()));
        mountsOf(device).forEach(mount -> users.add(mount.type() + " on " + mount.directory()));
        device.holders().forEach(holder -> users.add("block device " + holder));
        return users;
    }

    private List<String> users(Path path) {
        List<String> users = new ArrayList<>();
        volumes.ofRegion(path).ifPresent(mount -> users.add("fuse-dax on " + mount.directory()));
        users.addAll(Processes.usersOf(path));
        return users;
    }

    /** The mounts of a device's file system. */
    List<HostMounts.Entry> mountsOf(PmemDevice device) {
        try {
            long number = (Long) Files.getAttribute(device.path(), "unix:rdev");
            return mounts.of(DeviceNumbers.toString(number));
        } catch (IOException e) { // it has no name in /dev, by which it could be mounted
            return List.of();
        }
    }

    /** A file that is, or may become, a region. */
    Map<String, Object> ofFile(Path path) throws CommandFailure, IOException {
        Path absolute = MountTable.canonical(path);
        if (!Files.isRegularFile(absolute)) {
            throw new CommandFailure(
                    ExitCode.PROBLEM, "neither file, directory nor device: " + path);
        }
        Optional<HostMounts.Entry> mount = mounts.containing(absolute);
        boolean memory = mount.filter(entry -> entry.type().equals("tmpfs")).isPresent();
        Optional<PmemDevice> below = below(mount);
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("path", absolute.toString());
        tree.put("type", (memory ? RegionType.TMPFS : RegionType.FILE).word());
        tree.put("state", "enabled");
        tree.put("size", Files.size(absolute));
        below.ifPresent(
                device -> {
                    tree.put("device", device.path().toString());
                    put(tree, "numa_node", device.numaNode());
                });
        tree.put(
                "persistence_domain",
                lower(below.map(PmemDevice::persistenceDomain).orElse(PersistenceDomain.UNKNOWN)));
        mount.ifPresent(entry -> tree.put("file_system", fileSystem(entry, below.isPresent())));
        List<String> problems = new ArrayList<>();
        List<String> users = users(absolute);
        putVolume(tree, VolumeGlance.at(absolute), problems);
        putUse(tree, users, problems);
        return tree;
    }

    /** The persistent memory below a directory. */
    PmemDevice below(Path directory) throws CommandFailure, IOException {
        return below(mounts.containing(directory))
                .orElseThrow(
                        () ->
                                new CommandFailure(
                                        ExitCode.PROBLEM,
                                        "a directory, but not on persistent memory: " + directory));
    }

    private Optional<PmemDevice> below(Optional<HostMounts.Entry> mount)
            throws CommandFailure, IOException {
        Path source = mount.map(entry -> Path.of(entry.source())).orElse(null);
        boolean device = source != null && source.isAbsolute() && Files.exists(source);
        if (!device || !(Boolean) Files.getAttribute(source, "isOther")) {
            return Optional.empty();
        }
        return discovery.ofDevice(true, (Long) Files.getAttribute(source, "unix:rdev"));
    }

    private static Map<String, Object> fileSystem(HostMounts.Entry mount, boolean onPmem) {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("type", mount.type());
        tree.put("directory", mount.directory().toString());
        HostMounts.Dax dax = mount.dax();
        if (onPmem || dax == HostMounts.Dax.ALWAYS) { // elsewhere a flagged file is no DAX file
            tree.put("dax", lower(dax));
        }
        return tree;
    }

    /** As ndctl has them: a count and, if there are any, where. */
    static void putBadBlocks(Map<String, Object> tree, List<BadBlocks.Range> ranges) {
        long bytes = ranges.stream().mapToLong(BadBlocks.Range::lengthBytes).sum();
        tree.put("badblock_count", bytes / BadBlocks.UNIT_BYTES);
        if (!ranges.isEmpty()) {
            tree.put("badblocks", rows(ranges));
        }
    }

    /** Ranges in units of 512 bytes. */
    static List<Map<String, Object>> rows(List<BadBlocks.Range> ranges) {
        List<Map<String, Object>> rows = new ArrayList<>();
        for (BadBlocks.Range range : ranges) {
            Map<String, Object> row = new LinkedHashMap<>();
            row.put("offset", range.offset() / BadBlocks.UNIT_BYTES);
            row.put("length", range.lengthBytes() / BadBlocks.UNIT_BYTES);
            rows.add(row);
        }
        return rows;
    }

    private static void putVolume(
            Map<String, Object> tree, VolumeGlance glance, List<String> problems) {
        put(tree, "volume", glance.volume());
        if (glance.otherData()) {
            tree.put("signature", "unknown");
        }
        if (glance.problem() != null) {
            problems.add(glance.problem());
        }
    }

    private static void putUse(
            Map<String, Object> tree, List<String> users, List<String> problems) {
        tree.put("in_use", !users.isEmpty());
        if (!users.isEmpty()) {
            tree.put("users", users);
        }
        if (!problems.isEmpty()) {
            tree.put("problems", problems);
        }
    }

    private static void put(Map<String, Object> tree, String key, Object value) {
        if (value != null) {
            tree.put(key, value);
        }
    }

    private static String lower(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT);
    }
}
