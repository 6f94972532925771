package io.fusedax.tools;

import io.fusedax.backing.FsException;
import io.fusedax.backing.region.MediaErrorException;
import io.fusedax.backing.region.Region;
import io.fusedax.backing.region.RegionOptions;
import io.fusedax.backing.region.Regions;
import io.fusedax.backing.volume.VolumeFormatter;
import io.fusedax.backing.volume.VolumeInspector;
import io.fusedax.mount.MountControl;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import jnr.constants.platform.Errno;

/**
 * What a region holds, by a look that changes nothing: the region is opened read-only, and nothing
 * is replayed into it.
 *
 * @param volume uuid, label, size and state of the volume; null when there is none
 * @param otherData whether its first bytes hold something else
 * @param problem why it could not be looked at; null when it could
 */
record VolumeGlance(Map<String, Object> volume, boolean otherData, String problem) {
    private static final String STATE = "state";
    private static final int BLOCK_BYTES = 4096;
    private static final int PROBED_BYTES = 64 << 10;

    /** Looks at a file or a device-dax. */
    static VolumeGlance at(Path path) {
        Optional<MountTable.Entry> mount = MountTable.read().ofRegion(path);
        if (mount.isPresent()) {
            return ofMount(mount.get());
        }
        try (Region region = Regions.open(path, RegionOptions.defaults().withReadOnly(true))) {
            return VolumeFormatter.looksFormatted(region)
                    ? new VolumeGlance(ofRegion(region), false, null)
                    : new VolumeGlance(null, holdsData(region), null);
        } catch (FsException e) {
            return new VolumeGlance(null, false, FuseDax.message(e));
        } catch (MediaErrorException | InternalError e) { // how the JVM tells of SIGBUS
            return new VolumeGlance(null, false, path + ": bad block: " + e.getMessage());
        }
    }

    private static VolumeGlance ofMount(MountTable.Entry mount) {
        Map<String, Object> tree = new LinkedHashMap<>();
        String problem = null;
        try {
            MountControl.server(mount.directory())
                    .ifPresent(server -> tree.put("uuid", server.volumeUuid().toString()));
        } catch (FsException e) {
            problem = FuseDax.message(e);
        }
        tree.put(STATE, "mounted");
        tree.put("directory", mount.directory().toString());
        return new VolumeGlance(tree, false, problem);
    }

    private static Map<String, Object> ofRegion(Region region) {
        Map<String, Object> tree = new LinkedHashMap<>();
        try {
            Map<String, Object> superblock = VolumeInspector.open(region).superblock();
            tree.put("uuid", superblock.get("uuid"));
            tree.put("label", superblock.get("label"));
            tree.put("size", ((Number) superblock.get("total_blocks")).longValue() * BLOCK_BYTES);
            Object state = ((Map<?, ?>) superblock.get("mount_state")).get(STATE);
            tree.put(STATE, "mounted".equals(state) ? "dirty" : state); // nobody holds it now
        } catch (FsException e) {
            tree.put(STATE, e.errno() == Errno.EUCLEAN ? "damaged" : "foreign");
            tree.put("problem", FuseDax.message(e));
        }
        tree.put("clean", "clean".equals(tree.get(STATE)));
        return tree;
    }

    private static boolean holdsData(Region region) {
        byte[] head = new byte[(int) Math.min(PROBED_BYTES, region.sizeBytes())];
        region.read(0, head, 0, head.length);
        for (byte b : head) {
            if (b != 0) {
                return true;
            }
        }
        return false;
    }
}
