package io.fusedax.tests.crash;

import io.fusedax.tests.support.Posix;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.stream.Stream;

/** What one writer's tree should hold, in plain memory. Paths are relative; the root is "". */
final class TreeModel {
    static final String XATTR = "user.kill";

    private final TreeMap<String, Node> nodes = new TreeMap<>();

    /** A directory, a symbolic link or a file; a file with several names is one node. */
    static final class Node {
        final char kind;
        final String target;
        byte[] content = new byte[0];
        String xattr = "";
        int linkCount = 1;

        /** Index after the last operation that changed anything of this file. */
        int touchedUntil;

        /** Index after the last operation that changed what is needed to find its bytes. */
        int resizedUntil;

        /** Content at the last fsync, and what was stored since; see {@link #record}. */
        byte[] floor;

        private List<Stored> alternatives;

        Node(char kind, String target) {
            this.kind = kind;
            this.target = target;
        }

        private Node(Node other, boolean recording) {
            kind = other.kind;
            target = other.target;
            content = other.content.clone();
            xattr = other.xattr;
            linkCount = other.linkCount;
            alternatives = recording ? new ArrayList<>() : null;
        }

        boolean isFile() {
            return kind == 'f';
        }

        /** Notes bytes that may be on the media although the operation was not committed. */
        void record(int offset, byte[] data) {
            if (alternatives != null) {
                alternatives.add(new Stored(offset, data));
            }
        }

        /** From here on older bytes than those of now are a loss. */
        void synced() {
            if (alternatives != null) {
                floor = content.clone();
                alternatives.clear();
            }
        }

        private boolean mayHold(int index, byte value) {
            return alternatives.stream().anyMatch(stored -> stored.covers(index, value));
        }

        private String shape() {
            return switch (kind) {
                case 'd' -> "directory";
                case 'l' -> "link " + target.length();
                default ->
                        "file size="
                                + content.length
                                + " links="
                                + linkCount
                                + " xattr="
                                + xattr.length();
            };
        }
    }

    private record Stored(int offset, byte[] data) {
        boolean covers(int index, byte value) {
            return index >= offset && index < offset + data.length && data[index - offset] == value;
        }
    }

    /** The tree as it is now below {@code root}. */
    static TreeModel read(Path root) {
        TreeModel model = new TreeModel();
        Map<Long, Node> files = new HashMap<>();
        try (Stream<Path> paths = Files.walk(root)) {
            paths.filter(path -> !path.equals(root))
                    .forEach(
                            path ->
                                    model.nodes.put(
                                            root.relativize(path).toString(), node(path, files)));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return model;
    }

    private static Node node(Path path, Map<Long, Node> files) {
        Posix.Stat stat = Posix.lstat(path);
        if (stat.type() == Posix.S_IFDIR) {
            return new Node('d', null);
        }
        if (stat.type() == Posix.S_IFLNK) {
            return new Node('l', Posix.readlink(path));
        }
        return files.computeIfAbsent(stat.inode(), inode -> file(path, stat));
    }

    private static Node file(Path path, Posix.Stat stat) {
        Node node = new Node('f', null);
        node.linkCount = stat.linkCount();
        try {
            node.content = Files.readAllBytes(path);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        if (Posix.listxattr(path).contains(XATTR)) {
            node.xattr = new String(Posix.getxattr(path, XATTR), StandardCharsets.UTF_8);
        }
        return node;
    }

    /** A copy whose files note what later operations may have stored. */
    TreeModel recordingCopy() {
        return copy(true);
    }

    /** A copy that shares nothing. */
    TreeModel plainCopy() {
        return copy(false);
    }

    private TreeModel copy(boolean recording) {
        TreeModel copy = new TreeModel();
        Map<Node, Node> copies = new IdentityHashMap<>();
        nodes.forEach(
                (path, node) ->
                        copy.nodes.put(
                                path,
                                copies.computeIfAbsent(node, other -> new Node(other, recording))));
        return copy;
    }

    /** The same names for the same nodes, whatever is renamed in this model later. */
    TreeModel snapshotOfNames() {
        TreeModel copy = new TreeModel();
        copy.nodes.putAll(nodes);
        return copy;
    }

    boolean sameShape(TreeModel other) {
        if (nodes.size() != other.nodes.size()) {
            return false;
        }
        for (Map.Entry<String, Node> entry : nodes.entrySet()) {
            Node node = other.nodes.get(entry.getKey());
            if (node == null || !node.shape().equals(entry.getValue().shape())) {
                return false;
            }
        }
        return true;
    }

    /** The first differences in names, sizes and links. */
    String shapeDifference(TreeModel actual) {
        int most = 8;
        List<String> lines = new ArrayList<>();
        nodes.forEach(
                (path, node) -> {
                    Node other = actual.nodes.get(path);
                    String got = other == null ? "nothing" : other.shape();
                    if (!got.equals(node.shape())) {
                        lines.add(path + ": expected " + node.shape() + ", got " + got);
                    }
                });
        actual.nodes.forEach(
                (path, node) -> {
                    if (!nodes.containsKey(path)) {
                        lines.add(path + ": expected nothing, got " + node.shape());
                    }
                });
        return String.join("\n  ", lines.subList(0, Math.min(most, lines.size())));
    }

    /**
     * Null when every byte of {@code actual} can be explained, else the first that cannot. A byte
     * is that of this state, or one stored later in place; never older than the last fsync.
     */
    static String unexplainedByte(TreeModel state, Map<String, byte[]> contents, TreeModel actual) {
        for (Map.Entry<String, Node> entry : state.nodes.entrySet()) {
            Node node = entry.getValue();
            if (!node.isFile()) {
                continue;
            }
            byte[] got = actual.nodes.get(entry.getKey()).content;
            byte[] want = node.floor != null ? node.floor : contents.get(entry.getKey());
            for (int i = 0; i < got.length; i++) {
                boolean same = i < want.length && got[i] == want[i];
                if (!same && !node.mayHold(i, got[i])) {
                    return String.format(
                            "%s: byte %d of %d is %d, expected %s%s",
                            entry.getKey(),
                            i,
                            got.length,
                            got[i],
                            i < want.length ? "" + want[i] : "no byte",
                            node.floor != null ? " (fsynced)" : "");
                }
            }
        }
        return null;
    }

    /** Differences in names, sizes, links and content; empty when there are none. */
    String difference(TreeModel actual) {
        String shape = shapeDifference(actual);
        if (!shape.isEmpty()) {
            return shape;
        }
        for (Map.Entry<String, Node> entry : nodes.entrySet()) {
            int at =
                    Arrays.mismatch(
                            entry.getValue().content, actual.nodes.get(entry.getKey()).content);
            if (at >= 0) {
                return entry.getKey() + ": wrong byte at " + at;
            }
        }
        return "";
    }

    /** Contents by name, as they are now. */
    Map<String, byte[]> contents() {
        Map<String, byte[]> contents = new HashMap<>();
        nodes.forEach(
                (path, node) -> {
                    if (node.isFile()) {
                        contents.put(path, node.content.clone());
                    }
                });
        return contents;
    }

    Node get(String path) {
        return nodes.get(path);
    }

    int size() {
        return nodes.size();
    }

    List<String> paths(char kind) {
        List<String> paths = new ArrayList<>();
        nodes.forEach(
                (path, node) -> {
                    if (node.kind == kind) {
                        paths.add(path);
                    }
                });
        return paths;
    }

    /** A directory's last descendant, which has no children; the path itself if it has none. */
    String lastBelow(String path) {
        NavigableMap<String, Node> below = below(path);
        return below.isEmpty() ? path : below.lastKey();
    }

    boolean hasChildren(String directory) {
        return !below(directory).isEmpty();
    }

    void add(String path, Node node) {
        nodes.put(path, node);
    }

    void remove(String path) {
        Node node = nodes.remove(path);
        node.linkCount--;
    }

    void rename(String from, String to) {
        Node replaced = nodes.get(to);
        if (replaced != null) {
            replaced.linkCount--;
        }
        Map<String, Node> moved = new TreeMap<>(below(from));
        below(from).clear();
        moved.forEach((path, node) -> nodes.put(to + path.substring(from.length()), node));
        nodes.put(to, nodes.remove(from));
    }

    void link(String from, String to) {
        Node node = nodes.get(from);
        node.linkCount++;
        nodes.put(to, node);
    }

    /** Stores bytes, growing the file. */
    static void write(Node node, int offset, byte[] data) {
        if (offset + data.length > node.content.length) {
            node.record(node.content.length, new byte[offset + data.length - node.content.length]);
            node.content = Arrays.copyOf(node.content, offset + data.length);
        }
        node.record(offset, data);
        System.arraycopy(data, 0, node.content, offset, data.length);
    }

    static void truncate(Node node, int sizeBytes) {
        int common = Math.min(sizeBytes, node.content.length);
        node.record(common, new byte[Math.max(node.content.length, sizeBytes) - common]);
        node.content = Arrays.copyOf(node.content, sizeBytes);
    }

    private NavigableMap<String, Node> below(String directory) {
        return nodes.subMap(directory + "/", true, directory + "0", false);
    }
}
