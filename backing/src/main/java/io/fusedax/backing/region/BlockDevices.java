package io.fusedax.backing.region;

import io.fusedax.backing.FsException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import jnr.constants.platform.Errno;

/**
 * Block devices, which are no regions: even one that is persistent memory cannot be mapped with
 * MAP_SYNC as it is. Tells what to do with such a one.
 */
public final class BlockDevices {
    private BlockDevices() {}

    /** Why a block device is refused. */
    static FsException refused(Descriptor name) throws FsException {
        Path devices = Path.of("/sys/dev/block");
        Path folder = devices.resolve(DeviceNumbers.toString(name.status().specialDevice()));
        String namespace = namespaceOf(folder);
        return new FsException(Errno.EOPNOTSUPP, name.name() + ": " + whyNot(namespace));
    }

    private static String whyNot(String namespace) {
        if (namespace == null) {
            return "is a block device, which is not supported as a region";
        }
        List<String> commands = commands(namespace);
        return "is persistent memory as a block device, which has no MAP_SYNC. Make it a"
                + " device-dax, all of it the region: "
                + commands.get(0)
                + "; or make it a DAX file system, the region a file on it: "
                + commands.get(1)
                + ", then mkfs.ext4 and mount -o dax. Both lose what is there";
    }

    /**
     * The two commands of which either makes a namespace usable, and loses what it holds: as a
     * device-dax, or for a DAX file system.
     */
    public static List<String> commands(String namespace) {
        String make = "ndctl create-namespace -f -e " + namespace + " -m ";
        return List.of(make + "devdax", make + "fsdax");
    }

    /** The nvdimm namespace whose block device this is (or its part), null if none is. */
    static String namespaceOf(Path folder) {
        try {
            for (Path at = folder.toRealPath(); at != null; at = at.getParent()) {
                Path namespace = at.resolve("namespace"); // of pfn and dax devices: their namespace
                String name =
                        Files.isReadable(namespace)
                                ? Files.readString(namespace).strip()
                                : String.valueOf(at.getFileName());
                if (name.startsWith("namespace")) {
                    return name;
                }
            }
        } catch (IOException e) { // the device has gone
            return null;
        }
        return null;
    }
}
