package io.fusedax.backing.volume;

import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.DentryLayout;
import io.fusedax.backing.format.DirectoryLeafLayout;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.inode.Inode;
import io.fusedax.backing.inode.InodeNumbers;
import io.fusedax.backing.namespace.Directory;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Second part of a pass: every dentry, once all inodes are known. */
final class CheckDirectories {
    private static final long ORDINAL_MASK = 15;

    private final CheckState state;
    private final CheckReport report;
    private final Directory keys;

    /** Directory to key and block of each of its leaves, flat. */
    private final Map<Long, long[]> leaves = new LinkedHashMap<>();

    /**
     * @param keys gives the key of a name; nothing else of it is used
     */
    CheckDirectories(CheckState state, Directory keys) {
        this.state = state;
        this.report = state.report;
        this.keys = keys;
    }

    /** Notes a directory's sound leaves. */
    void checkLeaves(long inode, long offset, byte[] bytes, List<long[]> records) {
        long[] flat = new long[2 * records.size()];
        for (int i = 0; i < records.size(); i++) {
            flat[2 * i] = records.get(i)[0];
            flat[2 * i + 1] = records.get(i)[1];
        }
        leaves.put(inode, flat);
        if (flat.length > 0 && flat[0] != 0) {
            report.problem(
                    "inode "
                            + inode
                            + " at offset "
                            + offset
                            + ": first leaf has key "
                            + flat[0]
                            + ", expected 0");
            long[] wish = new long[1 + flat.length];
            wish[0] = inode;
            System.arraycopy(flat, 0, wish, 1, flat.length);
            wish[1] = 0;
            state.treesToRebuild.add(wish);
        }
        long size = Bytes.getLong(bytes, InodeLayout.FILE_SIZE);
        long expected = (long) records.size() * DirectoryLeafLayout.SIZE_BYTES;
        if (size != expected) {
            report.problem(
                    "inode "
                            + inode
                            + " at offset "
                            + offset
                            + ": size "
                            + size
                            + ", leaves take "
                            + expected);
            state.blockCountsToSet.add(new long[] {inode, -1, expected});
        }
    }

    void run() {
        for (Map.Entry<Long, long[]> directory : leaves.entrySet()) {
            long[] flat = directory.getValue();
            for (int i = 0; i < flat.length; i += 2) {
                long endKey = i + 2 < flat.length ? flat[i + 2] : Long.MAX_VALUE;
                checkLeaf(directory.getKey(), flat[i], endKey, flat[i + 1]);
            }
        }
    }

    private void checkLeaf(long directory, long firstKey, long endKey, long block) {
        byte[] leaf = state.load(StructureType.DIRECTORY_LEAF, block << Geometry.BLOCK_SHIFT);
        String where =
                "directory leaf at offset "
                        + (block << Geometry.BLOCK_SHIFT)
                        + " of inode "
                        + directory;
        int used = Bytes.getU16(leaf, DirectoryLeafLayout.USED_BYTES);
        List<Integer> keep = new ArrayList<>();
        Set<Long> seen = new HashSet<>();
        boolean sound = used >= DirectoryLeafLayout.ENTRIES && used <= leaf.length;
        int liveBytes = 0;
        int liveCount = 0;
        int at = DirectoryLeafLayout.ENTRIES;
        while (sound && at < used) {
            int length = Bytes.getU8(leaf, at + DentryLayout.NAME_LENGTH);
            int next = at + DentryLayout.sizeBytes(length);
            if (length == 0 || next > used) {
                sound = false;
                break;
            }
            if (Bytes.getLong(leaf, at + DentryLayout.INODE) != 0) {
                liveBytes += next - at;
                liveCount++;
                if (checkDentry(directory, leaf, at, firstKey, endKey, seen, where)) {
                    keep.add(at);
                }
            }
            at = next;
        }
        boolean counted =
                liveBytes == Bytes.getU16(leaf, DirectoryLeafLayout.LIVE_BYTES)
                        && liveCount == Bytes.getU16(leaf, DirectoryLeafLayout.LIVE_COUNT)
                        && liveCount > 0;
        if (!sound || !counted) {
            report.problem(
                    where + (sound ? ": live counters" : ": dentry at byte " + at) + " wrong");
        }
        if (!sound || !counted || keep.size() != liveCount) {
            state.leavesToRewrite.add(new CheckState.LeafWish(directory, block, keep));
        }
    }

    /**
     * @return whether the dentry may stay where it is
     */
    private boolean checkDentry(
            long directory,
            byte[] leaf,
            int at,
            long firstKey,
            long endKey,
            Set<Long> seen,
            String where) {
        long key = Bytes.getLong(leaf, at + DentryLayout.KEY);
        long inode = Bytes.getLong(leaf, at + DentryLayout.INODE);
        int type = Bytes.getU8(leaf, at + DentryLayout.TYPE);
        int length = Bytes.getU8(leaf, at + DentryLayout.NAME_LENGTH);
        byte[] name =
                Arrays.copyOfRange(leaf, at + DentryLayout.NAME, at + DentryLayout.NAME + length);
        String shown = where + ": name \"" + printable(name) + "\"";
        if (!nameValid(name)) {
            report.problem(shown + " is not a valid name");
            return false;
        }
        CheckState.Kind kind = state.kind(inode);
        if (kind != CheckState.Kind.FILE && kind != CheckState.Kind.DIRECTORY
                || inode < InodeNumbers.FIRST) {
            report.problem(shown + ": inode " + inode + " is not in use");
            return false;
        }
        if (kind == CheckState.Kind.DIRECTORY
                && state.foundParents[(int) inode] != 0
                && directory != InodeNumbers.ORPHANS) {
            report.problem(shown + ": inode " + inode + " is a directory with another name");
            return false;
        }
        boolean placed =
                (key & ~ORDINAL_MASK) == keys.firstKeyOf(name, 0, length)
                        && key >= firstKey
                        && key < endKey
                        && seen.add(key);
        int expectedType = typeOf(inode);
        if (!placed || type != expectedType) {
            report.problem(
                    shown
                            + (placed
                                    ? ": type " + type + ", inode " + inode + " has " + expectedType
                                    : ": key " + key + " is out of place"));
            state.entriesToAdd.add(new CheckState.Entry(directory, name, inode, expectedType));
            count(directory, inode, kind);
            return false;
        }
        count(directory, inode, kind);
        return true;
    }

    private int typeOf(long inode) {
        byte[] bytes = state.load(StructureType.INODE, state.inodeOffset(inode));
        return (Bytes.getInt(bytes, InodeLayout.MODE) & Inode.S_IFMT) >>> 12;
    }

    private void count(long directory, long inode, CheckState.Kind kind) {
        if (directory == InodeNumbers.ORPHANS) {
            state.orphans[(int) inode] = true;
            return;
        }
        state.names[(int) inode]++;
        if (kind == CheckState.Kind.DIRECTORY) {
            state.foundParents[(int) inode] = directory;
            state.subdirectories[(int) directory]++;
        }
    }

    private static boolean nameValid(byte[] name) {
        for (byte each : name) {
            if (each == '/' || each == 0) {
                return false;
            }
        }
        return !NamespaceOperations.isDot(name, 0, name.length)
                && !NamespaceOperations.isDotDot(name, 0, name.length);
    }

    private static String printable(byte[] name) {
        return new String(name, StandardCharsets.UTF_8).replaceAll("\\p{Cntrl}", "?");
    }
}
