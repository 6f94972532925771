package io.fusedax.tests.powercut;

import io.fusedax.backing.FsException;
import io.fusedax.backing.inode.Inode;
import io.fusedax.backing.volume.InodeAttributes;
import io.fusedax.backing.volume.Volume;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * Reads all that a user sees of a volume into two sums, one of names, attributes and block maps and
 * one of contents, and where wanted into a {@link TreeState}. Reused from image to image.
 */
final class TreeReader {
    private static final int BLOCK = 4096;

    private final InodeAttributes attributes = new InodeAttributes();
    private final Set<Long> visited = new HashSet<>();
    private final ArrayDeque<Long> directories = new ArrayDeque<>();
    private final byte[] block = new byte[BLOCK];
    private Map<Long, TreeState.Node> nodes;
    private Map<Long, Long> keys;
    private TreeState earlier;
    private Volume volume;
    private long map;
    private long fileContent;
    private boolean times = true;

    /** Of names, attributes, extended attributes and block maps. */
    long shape;

    /** Of what files hold. */
    long content;

    /** Leaves times out, where the wall clock makes some. */
    void withoutTimes() {
        times = false;
    }

    /** Only the sums. */
    void read(Volume from) throws FsException {
        nodes = null;
        readTree(from);
    }

    /**
     * Keeps what is read.
     *
     * @param before whose contents may be shared, or null
     */
    TreeState keep(Volume from, TreeState before) throws FsException {
        nodes = new HashMap<>();
        keys = new HashMap<>();
        earlier = before;
        readTree(from);
        return new TreeState(shape, content, nodes);
    }

    private void readTree(Volume from) throws FsException {
        volume = from;
        shape = 0;
        content = 0;
        visited.clear();
        directories.clear();
        visit(Volume.ROOT_INODE, 0);
        while (!directories.isEmpty()) {
            readDirectory(directories.poll());
        }
    }

    private void readDirectory(long directory) throws FsException {
        FsException[] problem = new FsException[1];
        volume.readdir(
                directory,
                2,
                (name, offset, length, inode, type, next) -> {
                    long line = Mix.of(Mix.of(directory, type), Mix.of(name, offset, length));
                    shape += Mix.of(line, inode);
                    try {
                        visit(inode, line);
                    } catch (FsException e) {
                        problem[0] = e;
                    }
                    return problem[0] == null;
                });
        if (problem[0] != null) {
            throw problem[0];
        }
    }

    private void visit(long inode, long nameLine) throws FsException {
        if (!visited.add(inode)) {
            if (nodes != null) {
                nodes.get(keys.get(inode)).line += nameLine;
            }
            return;
        }
        volume.getattr(inode, attributes);
        InodeAttributes a = attributes;
        boolean regular = (a.mode & Inode.S_IFMT) == Inode.S_IFREG;
        long size = a.sizeBytes;
        long key = inode << 20 | a.birthSeconds & 0xF_FFFF;
        long line = Mix.of(Mix.of(inode, a.mode), Mix.of(a.linkCount, a.uid));
        line = Mix.of(line, Mix.of(Mix.of(a.gid, a.rdev), Mix.of(a.flags, a.projectId)));
        line = Mix.of(line, Mix.of(size, a.blocks512));
        if (times) {
            line = Mix.of(line, Mix.of(Mix.of(a.mtimeSeconds, a.ctimeSeconds), a.birthSeconds));
        }
        line = Mix.of(line, attributesOf(inode));
        if ((a.mode & Inode.S_IFMT) == Inode.S_IFDIR) {
            directories.add(inode);
        } else if ((a.mode & Inode.S_IFMT) == Inode.S_IFLNK) {
            byte[] target = volume.readlink(inode);
            line = Mix.of(line, Mix.of(target, 0, target.length));
        }
        map = size;
        fileContent = 0;
        if (regular) {
            readFile(inode);
        }
        shape += Mix.of(line, map);
        content += Mix.of(key, fileContent);
        if (nodes != null) {
            keys.put(inode, key);
            TreeState.Node before = earlier == null ? null : earlier.nodes.get(key);
            boolean same = before != null && before.map == map && before.content == fileContent;
            byte[] bytes = same ? before.bytes : regular ? contentOf(inode, (int) size) : null;
            nodes.put(key, new TreeState.Node(line + nameLine, map, fileContent, bytes));
        }
    }

    private long attributesOf(long inode) throws FsException {
        byte[] names = volume.listxattr(inode);
        long sum = 0;
        int from = 0;
        for (int i = 0; i < names.length; i++) {
            if (names[i] == 0) {
                byte[] name = java.util.Arrays.copyOfRange(names, from, i);
                byte[] value = volume.getxattr(inode, name);
                sum += Mix.of(Mix.of(name, 0, name.length), Mix.of(value, 0, value.length));
                from = i + 1;
            }
        }
        return sum;
    }

    private void readFile(long inode) throws FsException {
        FsException[] problem = new FsException[1];
        volume.extents(
                inode,
                0,
                (logical, physical, length, unwritten) -> {
                    map = Mix.of(map, Mix.of(logical, unwritten ? -length : length));
                    try {
                        for (long at = logical; !unwritten && at < logical + length; at++) {
                            int got = volume.read(inode, at * BLOCK, block, 0, BLOCK);
                            fileContent += Mix.of(at, Mix.of(block, 0, got));
                        }
                    } catch (FsException e) {
                        problem[0] = e;
                    }
                    return problem[0] == null;
                });
        if (problem[0] != null) {
            throw problem[0];
        }
    }

    private byte[] contentOf(long inode, int size) throws FsException {
        byte[] bytes = new byte[size];
        volume.read(inode, 0, bytes, 0, size);
        return bytes;
    }
}
