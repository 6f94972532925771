package io.fusedax.tests.powercut;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/** What files hold according to the calls made, kept beside the volume. */
final class FileModel {
    private final Map<Long, byte[]> files = new HashMap<>();

    /** Takes over what is there, of files that the model does not know or need not know. */
    void adopt(TreeState state, boolean all) {
        Map<Long, byte[]> found = new HashMap<>();
        state.nodes.forEach(
                (key, node) -> {
                    long inode = TreeState.inodeOf(key);
                    if (node.bytes != null) {
                        byte[] known = files.get(inode);
                        found.put(inode, all || known == null ? node.bytes : known);
                    }
                });
        files.clear();
        files.putAll(found);
    }

    /** Where a file differs from the model, or null. */
    String difference(TreeState state) {
        for (Map.Entry<Long, TreeState.Node> entry : state.nodes.entrySet()) {
            byte[] found = entry.getValue().bytes;
            byte[] expected = files.get(TreeState.inodeOf(entry.getKey()));
            int at = found == null || expected == null ? -1 : Arrays.mismatch(expected, found);
            if (at >= 0) {
                return "inode "
                        + TreeState.inodeOf(entry.getKey())
                        + " of "
                        + found.length
                        + " bytes differs from its model of "
                        + expected.length
                        + " at byte "
                        + at;
            }
        }
        return null;
    }

    private byte[] get(long inode) {
        return files.getOrDefault(inode, new byte[0]);
    }

    /** Bytes are stored; the file grows if need be. */
    void write(long inode, long offset, byte[] bytes, int length) {
        if (length > 0) {
            byte[] content = get(inode);
            int end = (int) offset + length;
            content = Arrays.copyOf(content, Math.max(content.length, end));
            System.arraycopy(bytes, 0, content, (int) offset, length);
            files.put(inode, content);
        }
    }

    void resize(long inode, long bytes) {
        files.put(inode, Arrays.copyOf(get(inode), (int) bytes));
    }

    void grow(long inode, long end) {
        resize(inode, Math.max(get(inode).length, end));
    }

    void zero(long inode, long offset, long length) {
        byte[] content = get(inode).clone();
        int from = (int) Math.min(content.length, offset);
        Arrays.fill(content, from, (int) Math.min(content.length, offset + length), (byte) 0);
        files.put(inode, content);
    }

    void collapse(long inode, int offset, int length) {
        byte[] content = get(inode);
        byte[] less = Arrays.copyOf(content, content.length - length);
        System.arraycopy(content, offset + length, less, offset, less.length - offset);
        files.put(inode, less);
    }

    void insert(long inode, int offset, int length) {
        byte[] content = get(inode);
        byte[] more = Arrays.copyOf(content, content.length + length);
        Arrays.fill(more, offset, offset + length, (byte) 0);
        System.arraycopy(content, offset, more, offset + length, content.length - offset);
        files.put(inode, more);
    }
}
