package io.fusedax.backing.volume;

import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.PackedExtent;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.format.XattrBlockLayout;
import io.fusedax.backing.format.XattrEntryLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.zip.CRC32C;

/**
 * Checks the extended attributes of an inode. Their blocks are claimed with the metadata, before
 * any file's: the values have checksums, so there is no doubt whose they are.
 */
final class CheckXattrs {
    private static final int MAX_VALUE_BYTES = 1 << 16;

    private final CheckedVolume volume;
    private final CheckReport report;
    private final CheckOwnership ownership;
    private final byte[] block = new byte[XattrBlockLayout.SIZE_BYTES];
    private final byte[] value = new byte[MAX_VALUE_BYTES];

    /** Names of the inode at hand. */
    private final Set<String> names = new HashSet<>();

    CheckXattrs(CheckedVolume volume, CheckReport report, CheckOwnership ownership) {
        this.volume = volume;
        this.report = report;
        this.ownership = ownership;
    }

    /** One entry of an xattr block that lies within it. */
    record Entry(int at, int nameLength, int extentCount, int valueLength, int end) {
        int body() {
            return at + XattrEntryLayout.headBytes(nameLength);
        }

        long extent(byte[] block, int index) {
            return Bytes.getLong(block, body() + index * Long.BYTES);
        }

        String name(byte[] block) {
            return CheckText.name(block, at + XattrEntryLayout.NAME, nameLength);
        }
    }

    /** The entry at a byte of the block; null when it does not fit. */
    static Entry entryAt(byte[] block, int at, int used) {
        if (at + XattrEntryLayout.NAME >= used) {
            return null;
        }
        int nameLength = Bytes.getU8(block, at + XattrEntryLayout.NAME_LENGTH);
        int extents = Bytes.getU8(block, at + XattrEntryLayout.EXTENT_COUNT);
        long valueLength = Bytes.getU32(block, at + XattrEntryLayout.VALUE_LENGTH);
        long body = extents > 0 ? extents * (long) Long.BYTES : valueLength;
        long end = at + XattrEntryLayout.headBytes(nameLength) + (body + 7 & ~7L);
        if (nameLength == 0 || valueLength > MAX_VALUE_BYTES || end > used) {
            return null;
        }
        return new Entry(at, nameLength, extents, (int) valueLength, (int) end);
    }

    static boolean usedIsPossible(int used) {
        return used >= XattrBlockLayout.ENTRIES
                && used <= XattrBlockLayout.SIZE_BYTES
                && used % Long.BYTES == 0;
    }

    /**
     * Checks the attributes, drops those that cannot be kept and claims the blocks of the others.
     *
     * @param inode its bytes, where the first block is corrected
     * @return blocks that the attributes own
     */
    long check(long number, long offset, byte[] inode) {
        List<Kept> chain = new ArrayList<>();
        names.clear();
        String from = CheckText.inode(number, offset);
        long next = Bytes.getLong(inode, InodeLayout.XATTR_BLOCK);
        for (int count = 0; next != 0; count++) {
            long blockOffset = next << Geometry.BLOCK_SHIFT;
            String where = CheckText.ofInode(StructureType.XATTR_BLOCK, number, blockOffset);
            String problem = blockProblem(number, next, count);
            if (problem != null) {
                report.problem(
                        where + ": " + problem + ", named by " + from,
                        "its attributes and those in blocks behind it removed");
                break;
            }
            Kept kept = checkEntries(where, next);
            if (kept.count() > 0) {
                chain.add(kept);
            } else {
                ownership.giveUp(next, 1);
                volume.forget(next);
            }
            from = where;
            next = Bytes.getLong(block, XattrBlockLayout.NEXT);
        }
        return link(chain, inode);
    }

    /** A block of a chain that is to stay. */
    private record Kept(long number, byte[] bytes, long external, boolean changed) {
        int count() {
            return Bytes.getU16(bytes, XattrBlockLayout.COUNT);
        }
    }

    /** Reads and claims a block of a chain; returns what is wrong with it, or null. */
    private String blockProblem(long number, long blockNumber, int count) {
        if (count == XattrBlockLayout.MAX_BLOCKS) {
            return "more than " + count + " blocks";
        }
        String problem = load(number, blockNumber);
        if (problem == null && !ownership.claim(blockNumber, 1)) {
            problem = "block is not its own";
        }
        return problem;
    }

    private String load(long number, long blockNumber) {
        String problem = volume.loadBlock(StructureType.XATTR_BLOCK, blockNumber, number, block);
        int used = Bytes.getU16(block, XattrBlockLayout.USED_BYTES);
        return problem == null && !usedIsPossible(used) ? "used_bytes " + used : problem;
    }

    /** Chains the blocks that stay, and stores those that changed. */
    private long link(List<Kept> chain, byte[] inode) {
        long blocks = 0;
        long next = 0;
        for (int i = chain.size() - 1; i >= 0; i--) {
            Kept kept = chain.get(i);
            boolean moved = Bytes.getLong(kept.bytes, XattrBlockLayout.NEXT) != next;
            Bytes.putLong(kept.bytes, XattrBlockLayout.NEXT, next);
            if (kept.changed || moved) {
                long offset = kept.number << Geometry.BLOCK_SHIFT;
                volume.put(StructureType.XATTR_BLOCK, offset, kept.bytes);
            }
            next = kept.number;
            blocks += 1 + kept.external;
        }
        Bytes.putLong(inode, InodeLayout.XATTR_BLOCK, next);
        return blocks;
    }

    /** Checks the entries of {@link #block}, claims the blocks of their values, drops others. */
    private Kept checkEntries(String where, long blockNumber) {
        byte[] kept = block.clone();
        Arrays.fill(kept, XattrBlockLayout.ENTRIES, kept.length, (byte) 0);
        int used = Bytes.getU16(block, XattrBlockLayout.USED_BYTES);
        int keptEnd = XattrBlockLayout.ENTRIES;
        int keptCount = 0;
        int count = 0;
        long external = 0;
        int at = XattrBlockLayout.ENTRIES;
        while (at < used) {
            Entry entry = entryAt(block, at, used);
            if (entry == null) {
                report.problem(
                        where + ": entry at byte " + at + " of " + used + " is malformed",
                        "it and those behind it in the block removed");
                break;
            }
            count++;
            String problem = problemOf(entry);
            if (problem == null) {
                System.arraycopy(block, at, kept, keptEnd, entry.end - at);
                keptEnd += entry.end - at;
                keptCount++;
                external += blocksOf(entry);
            } else {
                report.problem(
                        where + ": attribute " + entry.name(block) + ": " + problem,
                        "attribute removed");
            }
            at = entry.end;
        }
        if (used == XattrBlockLayout.ENTRIES) {
            report.problem(where + ": no attributes", "block freed");
        }
        int stored = Bytes.getU16(block, XattrBlockLayout.COUNT);
        if (stored != count) {
            report.problem(where + ": count " + stored + ", expected " + count, "corrected");
        }
        Bytes.putShort(kept, XattrBlockLayout.USED_BYTES, keptEnd);
        Bytes.putShort(kept, XattrBlockLayout.COUNT, keptCount);
        boolean changed = stored != keptCount || used != keptEnd;
        return new Kept(blockNumber, changed ? kept : block.clone(), external, changed);
    }

    /** What is wrong with an entry; if nothing is, its blocks are claimed. */
    private String problemOf(Entry entry) {
        String name =
                new String(
                        block,
                        entry.at + XattrEntryLayout.NAME,
                        entry.nameLength,
                        StandardCharsets.ISO_8859_1);
        if (name.indexOf(0) >= 0) {
            return "NUL in the name";
        }
        if (!names.add(name)) {
            return "the name is there twice";
        }
        if (entry.extentCount == 0) {
            return null;
        }
        for (int i = 0; i < entry.extentCount; i++) {
            long extent = entry.extent(block, i);
            if (!volume.geometry().isDataExtent(extent) || PackedExtent.unwritten(extent)) {
                return "extent " + i + " outside the data area";
            }
        }
        long needed = Math.max(1, entry.valueLength + 4095L >>> Geometry.BLOCK_SHIFT);
        if (blocksOf(entry) != needed) {
            return "value of " + entry.valueLength + " bytes in blocks " + blocksOf(entry);
        }
        String problem = checkValue(entry);
        return problem == null ? claim(entry) : problem;
    }

    private long blocksOf(Entry entry) {
        long blocks = 0;
        for (int i = 0; i < entry.extentCount; i++) {
            blocks += PackedExtent.length(entry.extent(block, i));
        }
        return blocks;
    }

    private String checkValue(Entry entry) {
        int done = 0;
        for (int i = 0; i < entry.extentCount; i++) {
            long extent = entry.extent(block, i);
            long room = PackedExtent.length(extent) << Geometry.BLOCK_SHIFT;
            int part = (int) Math.min(entry.valueLength - done, room);
            long offset = PackedExtent.start(extent) << Geometry.BLOCK_SHIFT;
            volume.region().read(offset, value, done, part);
            done += part;
        }
        CRC32C crc = new CRC32C();
        crc.update(value, 0, entry.valueLength);
        int stored = Bytes.getInt(block, entry.at + XattrEntryLayout.VALUE_CHECKSUM);
        return (int) crc.getValue() == stored
                ? null
                : String.format(
                        "value checksum 0x%08x, computed 0x%08x", stored, (int) crc.getValue());
    }

    private String claim(Entry entry) {
        for (int i = 0; i < entry.extentCount; i++) {
            long extent = entry.extent(block, i);
            if (!ownership.claim(PackedExtent.start(extent), PackedExtent.length(extent))) {
                giveUp(entry, i);
                return "block of extent " + i + " is not its own";
            }
        }
        return null;
    }

    private void giveUp(Entry entry, int extents) {
        for (int i = 0; i < extents; i++) {
            long extent = entry.extent(block, i);
            ownership.giveUp(PackedExtent.start(extent), PackedExtent.length(extent));
        }
    }

    /** Receives a block of an inode's attributes, whose content is in the array. */
    interface BlockVisitor {
        void block(long blockNumber, byte[] bytes, String problem);
    }

    /** Visits the blocks of an inode's attributes, up to one that is damaged. */
    void visitBlocks(long number, byte[] inode, BlockVisitor visitor) {
        long next = Bytes.getLong(inode, InodeLayout.XATTR_BLOCK);
        for (int count = 0; next != 0 && count < XattrBlockLayout.MAX_BLOCKS; count++) {
            String problem = load(number, next);
            visitor.block(next, block, problem);
            next = problem == null ? Bytes.getLong(block, XattrBlockLayout.NEXT) : 0;
        }
    }

    /** Receives an entry that lies within its block. */
    interface EntryVisitor {
        void entry(Entry entry);
    }

    /** Visits the entries of a block, up to one that is malformed. */
    static void visitEntries(byte[] bytes, EntryVisitor visitor) {
        int used = Math.min(bytes.length, Bytes.getU16(bytes, XattrBlockLayout.USED_BYTES));
        Entry entry = entryAt(bytes, XattrBlockLayout.ENTRIES, used);
        while (entry != null) {
            visitor.entry(entry);
            entry = entryAt(bytes, entry.end, used);
        }
    }

    /** Gives up all blocks of an inode's attributes, which have been checked. */
    void giveUpAll(long number, byte[] inode) {
        visitBlocks(
                number,
                inode,
                (blockNumber, bytes, problem) -> {
                    visitEntries(bytes, entry -> giveUp(entry, entry.extentCount));
                    ownership.giveUp(blockNumber, 1);
                    volume.forget(blockNumber);
                });
    }

    /** Blocks of an inode's attributes, which have been checked. */
    long countBlocks(long number, byte[] inode) {
        long[] blocks = new long[1];
        visitBlocks(
                number,
                inode,
                (blockNumber, bytes, problem) -> {
                    blocks[0]++;
                    visitEntries(bytes, entry -> blocks[0] += blocksOf(entry));
                });
        return blocks[0];
    }
}
