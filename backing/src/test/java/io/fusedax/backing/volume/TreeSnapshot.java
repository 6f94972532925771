package io.fusedax.backing.volume;

import io.fusedax.backing.FsException;
import io.fusedax.backing.inode.Inode;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;

/** All that a user sees of a volume's tree, times left out: by path a line of text. */
final class TreeSnapshot {
    private TreeSnapshot() {}

    static Map<String, String> of(Volume volume) throws FsException {
        Map<String, String> lines = new TreeMap<>();
        visit(volume, Volume.ROOT_INODE, "/", lines);
        return lines;
    }

    private static void visit(Volume volume, long inode, String path, Map<String, String> lines)
            throws FsException {
        lines.put(path, describe(volume, inode));
        InodeAttributes attributes = new InodeAttributes();
        volume.getattr(inode, attributes);
        if ((attributes.mode & Inode.S_IFMT) == Inode.S_IFDIR) {
            Map<String, Long> children = new TreeMap<>();
            volume.readdir(
                    inode,
                    2,
                    (name, offset, length, child, type, next) -> {
                        children.put(
                                new String(name, offset, length, StandardCharsets.UTF_8), child);
                        return true;
                    });
            for (Map.Entry<String, Long> child : children.entrySet()) {
                visit(volume, child.getValue(), path + child.getKey() + "/", lines);
            }
        }
    }

    private static String describe(Volume volume, long inode) throws FsException {
        InodeAttributes a = new InodeAttributes();
        volume.getattr(inode, a);
        StringBuilder line = new StringBuilder();
        line.append(Integer.toOctalString(a.mode)).append(" links ").append(a.linkCount);
        line.append(" owner ").append(a.uid).append(':').append(a.gid);
        line.append(" flags ").append(a.flags);
        int type = a.mode & Inode.S_IFMT;
        if (type == Inode.S_IFREG) {
            line.append(" size ").append(a.sizeBytes).append(" blocks ").append(a.blocks512);
            byte[] content = new byte[(int) Math.min(a.sizeBytes, 1 << 20)];
            volume.read(inode, 0, content, 0, content.length);
            line.append(" content ").append(Arrays.hashCode(content));
            volume.extents(
                    inode,
                    0,
                    (logical, physical, length, unwritten) -> {
                        line.append(' ').append(logical).append('+').append(length);
                        line.append(unwritten ? "u" : "");
                        return true;
                    });
        } else if (type == Inode.S_IFLNK) {
            line.append(" target ").append(Arrays.hashCode(volume.readlink(inode)));
        }
        String names = new String(volume.listxattr(inode), StandardCharsets.UTF_8);
        for (String name : names.split("\0")) {
            if (!name.isEmpty()) {
                byte[] value = volume.getxattr(inode, name.getBytes(StandardCharsets.UTF_8));
                line.append(' ').append(name).append('=').append(Arrays.hashCode(value));
            }
        }
        return line.toString();
    }
}
