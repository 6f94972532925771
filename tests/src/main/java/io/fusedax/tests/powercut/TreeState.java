package io.fusedax.tests.powercut;

import java.util.Map;

/** What a user sees of a volume after some step of a workload. */
final class TreeState {
    final long shape;
    final long content;

    /** By inode number and time of birth, so that a number used again is another file. */
    final Map<Long, Node> nodes;

    TreeState(long shape, long content, Map<Long, Node> nodes) {
        this.shape = shape;
        this.content = content;
        this.nodes = nodes;
    }

    /** The key of a node. */
    static long inodeOf(long key) {
        return key >>> 20;
    }

    /** One inode. */
    static final class Node {
        /** Sum of its attributes and names. */
        long line;

        /** Sum of its size and block map. */
        final long map;

        /** Sum of what it holds. */
        final long content;

        /** What it holds; null but for regular files. */
        final byte[] bytes;

        Node(long line, long map, long content, byte[] bytes) {
            this.line = line;
            this.map = map;
            this.content = content;
            this.bytes = bytes;
        }
    }
}
