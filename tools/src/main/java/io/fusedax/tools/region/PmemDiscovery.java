package io.fusedax.tools.region;

import io.fusedax.backing.region.BadBlocks;
import io.fusedax.backing.region.DeviceNumbers;
import io.fusedax.backing.region.PersistenceDomain;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Finds persistent memory as sysfs shows it (Documentation/ABI/testing/sysfs-bus-nvdimm and
 * sysfs-bus-dax): nd buses hold regions, these hold namespaces. A namespace has its block device
 * below itself, or is held by a device that has it: pfnX.Y (fsdax), bttX.Y (sector) or daxX.Y
 * (devdax). A device-dax may also be there without a namespace.
 */
public final class PmemDiscovery {
    /** {@code memmap=SIZE!START} on the kernel's command line: RAM as persistent memory. */
    private static final Pattern MEMMAP = Pattern.compile("(^|[\\s,\"])memmap=[^\\s]*!.*");

    private final Path root;
    private final boolean memmap;

    /**
     * @param root where sysfs is mounted
     * @param kernelCommandLine as in /proc/cmdline
     */
    public PmemDiscovery(Path root, String kernelCommandLine) {
        this.root = root;
        this.memmap = MEMMAP.matcher(kernelCommandLine).find();
    }

    /** Everything there is, in the order of region, namespace and device numbers. */
    public List<PmemDevice> find() {
        List<PmemDevice> found = new ArrayList<>();
        for (Path link : Sysfs.children(root.resolve("bus/nd/devices"), "region[0-9]*")) {
            Path region = Sysfs.real(link);
            if (region != null && Sysfs.text(region.resolve("devtype")).equals("nd_blk")) {
                continue; // block windows of NVDIMMs of old: no memory
            }
            if (region != null) {
                found.addAll(ofRegion(region));
            }
        }
        found.addAll(daxWithoutNamespace(found));
        return found;
    }

    /**
     * The one that a device file stands for, or a partition of which it is.
     *
     * @param block whether it is a block device, else a character device
     * @param deviceNumber as stat(2) has it
     */
    public Optional<PmemDevice> ofDevice(boolean block, long deviceNumber) {
        Path numbers = root.resolve(block ? "dev/block" : "dev/char");
        Path device = Sysfs.real(numbers.resolve(DeviceNumbers.toString(deviceNumber)));
        return find().stream()
                .filter(known -> device != null && known.deviceFolder() != null)
                .filter(known -> device.startsWith(known.deviceFolder()))
                .findFirst();
    }

    private List<PmemDevice> ofRegion(Path region) {
        List<PmemDevice> found = new ArrayList<>();
        for (Path namespace : Sysfs.children(region, "namespace[0-9]*")) {
            Sysfs sysfs = new Sysfs();
            Long sizeBytes = sysfs.number(namespace.resolve("size"));
            if (sizeBytes == null || sizeBytes > 0) { // 0: a seed, which is to become a namespace
                found.add(ofNamespace(sysfs, region, namespace, sizeBytes));
            }
        }
        Sysfs sysfs = new Sysfs();
        Long free = sysfs.number(region.resolve("available_size"));
        if (free != null && free > 0) {
            found.add(freeSpace(sysfs, region, free));
        }
        return found;
    }

    private PmemDevice ofNamespace(Sysfs sysfs, Path region, Path namespace, Long namespaceBytes) {
        Path holder = holder(region, namespace);
        RegionMode mode =
                RegionMode.ofNamespace(Sysfs.text(namespace.resolve("mode"))).orElse(null);
        Path device = device(holder);
        boolean dax = device != null && !isBlock(device);
        Long holderBytes = sysfs.number(holder.resolve("size"));
        Long sizeBytes = holderBytes == null ? namespaceBytes : holderBytes;
        Long alignment = sysfs.powerOfTwo(holder.resolve("align"));
        if (dax) {
            Long deviceBytes = sysfs.number(device.resolve("size"));
            sizeBytes = deviceBytes == null ? sizeBytes : deviceBytes;
            Long deviceAlignment = sysfs.powerOfTwo(device.resolve("align"));
            alignment = deviceAlignment == null ? alignment : deviceAlignment;
            mode = daxMode(device);
        }
        Path ownList = device == null ? null : device.resolve("badblocks");
        List<BadBlocks.Range> bad =
                ownList != null && Files.exists(ownList)
                        ? sysfs.badBlocks(ownList)
                        : ofRegionWithin(sysfs, region, holder, sizeBytes);
        return new PmemDevice(
                type(region),
                provider(region),
                region.getFileName().toString(),
                namespace.getFileName().toString(),
                mode,
                device == null ? null : device.getFileName().toString(),
                device,
                sizeBytes,
                alignment,
                mode == RegionMode.SECTOR ? sectorBytes(holder) : null,
                sysfs.node(namespace.resolve("numa_node")),
                uuid(holder, namespace),
                PersistenceDomain.of(region),
                bad,
                device == null ? List.of() : holders(device),
                sysfs.problems());
    }

    private PmemDevice freeSpace(Sysfs sysfs, Path region, long sizeBytes) {
        return new PmemDevice(
                type(region),
                provider(region),
                region.getFileName().toString(),
                null,
                null,
                null,
                null,
                sizeBytes,
                sysfs.powerOfTwo(region.resolve("align")),
                null,
                sysfs.node(region.resolve("numa_node")),
                null,
                PersistenceDomain.of(region),
                sysfs.badBlocks(region.resolve("badblocks")),
                List.of(),
                sysfs.problems());
    }

    /** Devices of the dax bus that no namespace above has shown. */
    private List<PmemDevice> daxWithoutNamespace(List<PmemDevice> known) {
        Set<Path> shown = new HashSet<>();
        known.forEach(device -> shown.add(device.deviceFolder()));
        List<PmemDevice> found = new ArrayList<>();
        for (Path link : Sysfs.children(root.resolve("bus/dax/devices"), "dax[0-9]*")) {
            Path device = Sysfs.real(link);
            if (device == null || shown.contains(device)) {
                continue;
            }
            Sysfs sysfs = new Sysfs();
            Long sizeBytes = sysfs.number(device.resolve("size"));
            if (sizeBytes != null && sizeBytes == 0) {
                continue; // a seed
            }
            found.add(
                    new PmemDevice(
                            device.toString().contains("/cxl")
                                    ? RegionType.CXL
                                    : device.toString().contains("/hmem")
                                            ? RegionType.HMEM
                                            : RegionType.OTHER,
                            null,
                            null,
                            null,
                            daxMode(device),
                            device.getFileName().toString(),
                            device,
                            sizeBytes,
                            sysfs.powerOfTwo(device.resolve("align")),
                            null,
                            sysfs.node(device.resolve("numa_node")),
                            null,
                            PersistenceDomain.of(device),
                            List.of(),
                            List.of(),
                            sysfs.problems()));
        }
        return found;
    }

    private RegionType type(Path region) {
        return RegionType.ofProvider(Optional.ofNullable(provider(region)).orElse(""), memmap);
    }

    private static String provider(Path region) {
        String provider = Sysfs.text(region.resolveSibling("provider"));
        return provider.isEmpty() ? null : provider;
    }

    /** What presents a namespace: pfnX.Y, bttX.Y or daxX.Y in its region, or itself. */
    private static Path holder(Path region, Path namespace) {
        String holder = Sysfs.text(namespace.resolve("holder"));
        return holder.matches("(pfn|btt|dax)\\d+\\.\\d+") ? region.resolve(holder) : namespace;
    }

    /** The block or character device below a holder; null where there is none now. */
    private static Path device(Path holder) {
        List<Path> devices = new ArrayList<>(Sysfs.children(holder.resolve("block"), "pmem*"));
        devices.addAll(Sysfs.children(holder, "dax[0-9]*.[0-9]*"));
        return devices.isEmpty() ? null : Sysfs.real(devices.get(0));
    }

    private static boolean isBlock(Path device) {
        return device.getParent().endsWith("block");
    }

    private static RegionMode daxMode(Path device) {
        return Sysfs.linkName(device.resolve("driver")).equals("kmem")
                ? RegionMode.SYSTEM_RAM
                : RegionMode.DEVDAX;
    }

    /** A BTT lists the sizes it can have, the chosen one in brackets. */
    private static Long sectorBytes(Path holder) {
        for (String size : Sysfs.text(holder.resolve("sector_size")).split("\\s+")) {
            if (size.matches("\\[\\d{1,9}]")) {
                return Long.valueOf(size.substring(1, size.length() - 1));
            }
        }
        return null;
    }

    private static String uuid(Path holder, Path namespace) {
        String ofHolder = Sysfs.text(holder.resolve("uuid"));
        String uuid = ofHolder.isEmpty() ? Sysfs.text(namespace.resolve("uuid")) : ofHolder;
        return uuid.isEmpty() ? null : uuid;
    }

    /** Character devices and BTTs have no list of their own: it is cut out of their region's. */
    private static List<BadBlocks.Range> ofRegionWithin(
            Sysfs sysfs, Path region, Path holder, Long sizeBytes) {
        List<BadBlocks.Range> all = sysfs.badBlocks(region.resolve("badblocks"));
        Long regionStart = all.isEmpty() ? null : sysfs.number(region.resolve("resource"));
        Long start = all.isEmpty() ? null : sysfs.number(holder.resolve("resource"));
        if (regionStart == null || start == null || sizeBytes == null) {
            return all; // only root may see addresses: too many are better than none
        }
        List<BadBlocks.Range> within = new ArrayList<>();
        for (BadBlocks.Range range : all) {
            long from = Math.max(0, range.offset() + regionStart - start);
            long end = range.offset() + range.lengthBytes() + regionStart - start;
            if (from < Math.min(end, sizeBytes)) {
                within.add(new BadBlocks.Range(from, Math.min(end, sizeBytes) - from));
            }
        }
        return within;
    }

    private static List<String> holders(Path device) {
        return Sysfs.children(device.resolve("holders"), "*").stream()
                .map(path -> path.getFileName().toString())
                .toList();
    }
}
