package io.fusedax.backing.volume;

import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.Checksums;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.RecordNodeLayout;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.region.Region;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * The volume as a checker sees it: what the region holds and, over it, the structures that a repair
 * has changed so far, in memory. Reading answers with what is wrong instead of failing.
 */
final class CheckedVolume {
    private final Region region;
    private final Geometry geometry;
    private final Checksums checksums;
    private final Map<Long, Change> changes = new LinkedHashMap<>();
    private final TreeMap<Long, Copy> copies = new TreeMap<>();
    private final Set<Long> brokenBlocks = new HashSet<>();
    private boolean reusesBlocks;

    /**
     * A structure as it shall be, sealed.
     *
     * @param fresh it lies in a block that nobody owned before
     */
    record Change(StructureType type, byte[] bytes, boolean fresh) {}

    /** A run of data blocks to be copied. */
    record Copy(long from, long to, long lengthBlocks) {}

    CheckedVolume(Region region, Geometry geometry) {
        this.region = region;
        this.geometry = geometry;
        this.checksums = new Checksums(geometry.uuid());
    }

    Region region() {
        return region;
    }

    Geometry geometry() {
        return geometry;
    }

    Checksums checksums() {
        return checksums;
    }

    /** What a repair has changed, by offset. */
    Map<Long, Change> changes() {
        return changes;
    }

    /** Data to be copied to blocks that nobody owned. */
    Collection<Copy> copies() {
        return copies.values();
    }

    /** A data block is to be a copy of another one; neighbours become one run. */
    void copy(long from, long to) {
        Map.Entry<Long, Copy> before = copies.lowerEntry(to);
        Copy run = before == null ? null : before.getValue();
        boolean joins =
                run != null
                        && run.to + run.lengthBlocks == to
                        && run.from + run.lengthBlocks == from;
        Copy copy =
                joins ? new Copy(run.from, run.to, run.lengthBlocks + 1) : new Copy(from, to, 1);
        copies.put(copy.to, copy);
    }

    /** Reads a data block as it will be. */
    void readData(long block, byte[] into) {
        Map.Entry<Long, Copy> entry = copies.floorEntry(block);
        long from = block;
        if (entry != null && block - entry.getKey() < entry.getValue().lengthBlocks) {
            from = entry.getValue().from + block - entry.getKey();
        }
        region.read(from << Geometry.BLOCK_SHIFT, into, 0, Geometry.BLOCK_BYTES);
    }

    /** Whether something lies in a block that the media still uses for something else. */
    boolean reusesBlocks() {
        return reusesBlocks;
    }

    /** Makes a structure in a block that was given up: nobody may see it before the rest. */
    void putReused(StructureType type, long offset, byte[] bytes) {
        reusesBlocks = true;
        put(type, offset, bytes);
    }

    /**
     * Reads a structure at an offset that is known to lie in the region.
     *
     * @return what is wrong with it, or null
     */
    String load(StructureType type, long offset, byte[] into) {
        Change change = changes.get(offset);
        if (change != null && change.type == type) {
            System.arraycopy(change.bytes, 0, into, 0, change.bytes.length);
            return null;
        }
        region.read(offset, into, 0, type.sizeBytes());
        return checksums.problem(type, offset, into);
    }

    /**
     * Reads a structure of an inode from a block number found somewhere.
     *
     * @return what is wrong with it, or null
     */
    String loadBlock(StructureType type, long block, long owner, byte[] into) {
        if (!geometry.isDataBlock(block)) {
            Arrays.fill(into, (byte) 0);
            return "block " + block + " outside the data area";
        }
        String problem = load(type, block << Geometry.BLOCK_SHIFT, into);
        long found = Bytes.getLong(into, RecordNodeLayout.OWNER_INODE); // the same place in all
        if (problem == null && found != owner) {
            problem = "owner is inode " + found;
        }
        if (problem != null) {
            brokenBlocks.add(block);
        }
        return problem;
    }

    /** Blocks that something refers to as a structure that they do not hold. */
    Set<Long> brokenBlocks() {
        return brokenBlocks;
    }

    /** Changes a structure in memory. */
    void put(StructureType type, long offset, byte[] bytes) {
        Change before = changes.get(offset);
        put(type, offset, bytes, before != null && before.fresh);
    }

    /** Makes a structure in a block that nobody owns on the media, nor did before this repair. */
    void putFresh(StructureType type, long offset, byte[] bytes) {
        put(type, offset, bytes, true);
    }

    private void put(StructureType type, long offset, byte[] bytes, boolean fresh) {
        byte[] sealed = Arrays.copyOf(bytes, type.sizeBytes());
        checksums.seal(type, offset, sealed);
        changes.put(offset, new Change(type, sealed, fresh));
    }

    /** A block of metadata is no longer used. */
    void forget(long block) {
        changes.remove(block << Geometry.BLOCK_SHIFT);
    }
}
