package io.fusedax.backing.volume;

import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.MountStateLayout;
import io.fusedax.backing.format.RecordRootLayout;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.format.VolumeStateLayout;
import io.fusedax.backing.format.XattrBlockLayout;
import io.fusedax.backing.inode.Inode;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Shows single structures, believed or not, with the names of FORMAT.md in lower case. */
final class InspectStructures {
    private final CheckedVolume volume;

    InspectStructures(CheckedVolume volume) {
        this.volume = volume;
    }

    /** Offset and state of the checksum of a structure, which is read. */
    Map<String, Object> place(StructureType type, long offset, byte[] into) {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("offset", offset);
        String problem = volume.load(type, offset, into);
        map.put("checksum", problem == null ? "ok" : problem);
        return map;
    }

    Map<String, Object> volumeState() {
        byte[] bytes = new byte[VolumeStateLayout.SIZE_BYTES];
        Map<String, Object> map =
                place(StructureType.VOLUME_STATE, VolumeStateLayout.OFFSET, bytes);
        map.put("free_blocks", Bytes.getLong(bytes, VolumeStateLayout.FREE_BLOCKS));
        map.put("initialized_groups", Bytes.getLong(bytes, VolumeStateLayout.INITIALIZED_GROUPS));
        map.put("inode_high_water", Bytes.getLong(bytes, VolumeStateLayout.INODE_HIGH_WATER));
        map.put("free_inodes", Bytes.getLong(bytes, VolumeStateLayout.FREE_INODES));
        map.put("free_inode_head", Bytes.getLong(bytes, VolumeStateLayout.FREE_INODE_HEAD));
        return map;
    }

    Map<String, Object> mountState() {
        byte[] bytes = new byte[MountStateLayout.SIZE_BYTES];
        Map<String, Object> map = place(StructureType.MOUNT_STATE, MountStateLayout.OFFSET, bytes);
        String[] names = {"clean", "mounted", "error"};
        int state = Bytes.getInt(bytes, MountStateLayout.STATE);
        map.put("state", state >= 0 && state < names.length ? names[state] : "unknown " + state);
        map.put("mount_count", Bytes.getU32(bytes, MountStateLayout.MOUNT_COUNT));
        map.put("last_mount", time(bytes, MountStateLayout.LAST_MOUNT_SECONDS, -1));
        map.put("last_check", time(bytes, MountStateLayout.LAST_CHECK_SECONDS, -1));
        map.put("error_count", Bytes.getLong(bytes, MountStateLayout.ERROR_COUNT));
        map.put("last_error", time(bytes, MountStateLayout.ERROR_SECONDS, -1));
        return map;
    }

    /** An inode whose bytes are read into {@code bytes}. */
    Map<String, Object> inode(long number, long offset, byte[] bytes) {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("inode", number);
        map.putAll(place(StructureType.INODE, offset, bytes));
        long found = Bytes.getLong(bytes, InodeLayout.INODE);
        if (found != number) {
            map.put("problem", "is inode " + found + ", expected " + number);
        }
        map.put("generation", Bytes.getU32(bytes, InodeLayout.GENERATION));
        map.put("mode", String.format("0%o", Bytes.getInt(bytes, InodeLayout.MODE)));
        map.put("uid", Bytes.getU32(bytes, InodeLayout.UID));
        map.put("gid", Bytes.getU32(bytes, InodeLayout.GID));
        map.put("link_count", Bytes.getU32(bytes, InodeLayout.LINK_COUNT));
        map.put("flags", String.format("0x%x", Bytes.getInt(bytes, InodeLayout.FLAGS)));
        map.put("file_size", Bytes.getLong(bytes, InodeLayout.FILE_SIZE));
        map.put("block_count", Bytes.getLong(bytes, InodeLayout.BLOCK_COUNT));
        map.put("atime", time(bytes, InodeLayout.ATIME_SECONDS, InodeLayout.ATIME_NANOS));
        map.put("mtime", time(bytes, InodeLayout.MTIME_SECONDS, InodeLayout.MTIME_NANOS));
        map.put("ctime", time(bytes, InodeLayout.CTIME_SECONDS, InodeLayout.CTIME_NANOS));
        map.put("birth", time(bytes, InodeLayout.BIRTH_SECONDS, InodeLayout.BIRTH_NANOS));
        map.put("xattr_block", Bytes.getLong(bytes, InodeLayout.XATTR_BLOCK));
        map.put("parent", Bytes.getLong(bytes, InodeLayout.PARENT));
        map.put("project_id", Bytes.getU32(bytes, InodeLayout.PROJECT_ID));
        putPayload(map, bytes);
        putXattrs(map, number, bytes);
        return map;
    }

    private static void putPayload(Map<String, Object> map, byte[] bytes) {
        int type = Bytes.getInt(bytes, InodeLayout.MODE) & Inode.S_IFMT;
        if (type == Inode.S_IFDIR || CheckExtents.hasExtents(bytes)) {
            int root = InodeLayout.PAYLOAD;
            map.put("tree_level", Bytes.getU16(bytes, root + RecordRootLayout.LEVEL));
            map.put("tree_count", Bytes.getU16(bytes, root + RecordRootLayout.COUNT));
        } else if (type == Inode.S_IFLNK) {
            long size = Bytes.getLong(bytes, InodeLayout.FILE_SIZE);
            int length = (int) Math.max(0, Math.min(size, InodeLayout.PAYLOAD_BYTES));
            map.put("target", CheckText.name(bytes, InodeLayout.PAYLOAD, length));
        } else if (type == Inode.S_IFCHR || type == Inode.S_IFBLK) {
            map.put("rdev", Bytes.getU32(bytes, InodeLayout.RDEV));
        }
    }

    private void putXattrs(Map<String, Object> map, long number, byte[] inode) {
        List<Object> blocks = new ArrayList<>();
        new CheckXattrs(volume, CheckReport.silent(), null)
                .visitBlocks(
                        number,
                        inode,
                        (block, bytes, problem) -> blocks.add(xattrBlock(block, bytes, problem)));
        if (!blocks.isEmpty()) {
            map.put("xattrs", blocks);
        }
    }

    private static Map<String, Object> xattrBlock(long block, byte[] bytes, String problem) {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("offset", block << Geometry.BLOCK_SHIFT);
        map.put("checksum", problem == null ? "ok" : problem);
        map.put("next", Bytes.getLong(bytes, XattrBlockLayout.NEXT));
        List<Object> entries = new ArrayList<>();
        CheckXattrs.visitEntries(
                bytes,
                entry -> {
                    Map<String, Object> shown = new LinkedHashMap<>();
                    shown.put("name", entry.name(bytes));
                    shown.put("value_length", entry.valueLength());
                    shown.put("extent_count", entry.extentCount());
                    entries.add(shown);
                });
        map.put("entries", entries);
        return map;
    }

    /**
     * A time as text.
     *
     * @param nanosOffset -1 when there are none
     */
    private static String time(byte[] bytes, int secondsOffset, int nanosOffset) {
        long nanos = nanosOffset < 0 ? 0 : Bytes.getU32(bytes, nanosOffset);
        return time(Bytes.getLong(bytes, secondsOffset), nanos);
    }

    /** A time as text, even one that nobody has seen. */
    static String time(long seconds, long nanos) {
        try {
            return Instant.ofEpochSecond(seconds, nanos).toString();
        } catch (DateTimeException | ArithmeticException e) {
            return seconds + " s " + nanos + " ns";
        }
    }
}
