package io.fusedax.backing.journal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.Counters;
import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.Checksums;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.PackedExtent;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.region.Region;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Random;
import java.util.UUID;

/**
 * The least that has everything a journal must care for: one root structure whose slots point to
 * metadata structures and to data blocks, with a model in plain memory beside it.
 */
final class ToyVolume implements JournalClient {
    static final int SLOTS = 24;
    static final int CONTENT = 64;

    private static final long ROOT_OWNER = 1;
    private static final long LEAF_OWNER = 2;
    private static final int OWNER = 8;
    private static final int LIVE_COUNT = 16;
    private static final int BLOCKS = 64;

    /** What a slot points to; its content never changes, a change makes another one. */
    record Entry(boolean data, long block, byte[] content) {}

    final Region region;
    final Geometry geometry;
    final Journal journal;
    final Counters counters = new Counters();
    final Entry[] model = new Entry[SLOTS];
    private final long rootBlock;
    private final BitSet free = new BitSet();
    private final BitSet quarantined = new BitSet();

    private ToyVolume(Region region, Geometry geometry) throws FsException {
        this.region = region;
        this.geometry = geometry;
        this.journal = Journal.open(region, geometry, 1 << 20, false, counters);
        this.rootBlock = geometry.firstDataBlock();
        journal.setClient(this);
        free.set((int) rootBlock + 1, (int) rootBlock + 1 + BLOCKS);
    }

    static Geometry geometry(Region region) throws FsException {
        return Geometry.layOut(
                region.sizeBytes(), Geometry.MIN_JOURNAL_BYTES, new UUID(7, 8), 0, 0);
    }

    static ToyVolume format(Region region) throws FsException {
        Geometry geometry = geometry(region);
        Journal.format(region, geometry);
        byte[] root = new byte[Geometry.BLOCK_BYTES];
        long offset = geometry.firstDataBlock() << Geometry.BLOCK_SHIFT;
        Bytes.putLong(root, OWNER, ROOT_OWNER);
        new Checksums(geometry.uuid()).seal(StructureType.RECORD_NODE, offset, root);
        region.write(offset, root, 0, root.length);
        region.flush(offset, root.length);
        region.drain();
        return new ToyVolume(region, geometry);
    }

    /** Recovers, and takes what is there as the model. */
    static ToyVolume open(Region region) throws FsException {
        ToyVolume volume = new ToyVolume(region, geometry(region));
        MetaBuffer root = volume.root();
        for (int slot = 0; slot < SLOTS; slot++) {
            long value = root.getLong(slotOffset(slot));
            if (value != 0) {
                long block = value & Long.MAX_VALUE;
                volume.model[slot] =
                        new Entry(value < 0, block, volume.contentOf(value < 0, block));
                volume.free.clear((int) block);
            }
        }
        assertEquals(volume.liveSlots(), root.getU16(LIVE_COUNT), "count stored by prepareCommit");
        return volume;
    }

    private static int slotOffset(int slot) {
        return CONTENT + slot * Long.BYTES;
    }

    private MetaBuffer root() throws FsException {
        return journal.cache().load(StructureType.RECORD_NODE, rootBlock, ROOT_OWNER);
    }

    private MetaBuffer leaf(long block) throws FsException {
        return journal.cache().load(StructureType.DIRECTORY_LEAF, block, LEAF_OWNER);
    }

    private byte[] contentOf(boolean data, long block) throws FsException {
        byte[] content = new byte[Geometry.BLOCK_BYTES];
        if (data) {
            region.read(block << Geometry.BLOCK_SHIFT, content, 0, content.length);
        } else {
            leaf(block).getBytes(CONTENT, content, CONTENT, content.length - CONTENT);
        }
        return content;
    }

    private int liveSlots() {
        return (int) Arrays.stream(model).filter(entry -> entry != null).count();
    }

    /** That memory and model agree. */
    void check() throws FsException {
        MetaBuffer root = root();
        for (int slot = 0; slot < SLOTS; slot++) {
            Entry entry = model[slot];
            long value = root.getLong(slotOffset(slot));
            assertEquals(valueOf(entry), value, "slot " + slot);
            if (entry != null) {
                byte[] content = contentOf(entry.data, entry.block);
                assertArrayEquals(entry.content, content, "content of slot " + slot);
            }
        }
    }

    private static long valueOf(Entry entry) {
        return entry == null ? 0 : entry.data ? entry.block | Long.MIN_VALUE : entry.block;
    }

    static boolean same(Entry[] one, Entry[] other) {
        for (int slot = 0; slot < SLOTS; slot++) {
            if (valueOf(one[slot]) != valueOf(other[slot])
                    || one[slot] != null
                            && !Arrays.equals(one[slot].content, other[slot].content)) {
                return false;
            }
        }
        return true;
    }

    /** One operation on a few slots, which is kept or taken back. */
    void operate(Random random, boolean keep) throws FsException {
        Entry[] before = model.clone();
        try (Transaction tx = journal.begin("toy")) {
            for (int steps = 1 + random.nextInt(3); steps > 0; steps--) {
                step(tx, random, random.nextInt(SLOTS));
            }
            if (keep) {
                tx.commit();
            }
        }
        if (!keep) {
            System.arraycopy(before, 0, model, 0, SLOTS);
            check();
        }
    }

    private void step(Transaction tx, Random random, int slot) throws FsException {
        Entry entry = model[slot];
        if (entry == null) {
            if (random.nextBoolean()) {
                makeLeaf(tx, random, slot);
            } else {
                makeData(tx, random, slot);
            }
        } else if (!entry.data && random.nextInt(3) > 0) {
            changeLeaf(tx, random, slot);
        } else {
            remove(tx, slot);
        }
    }

    private long allocate(Transaction tx) {
        int block = free.nextSetBit(0);
        assertTrue(block > 0, "toy volume is full");
        free.clear(block);
        tx.noteAllocation(PackedExtent.of(block, 1));
        return block;
    }

    private void makeLeaf(Transaction tx, Random random, int slot) throws FsException {
        long block = allocate(tx);
        MetaBuffer leaf = tx.create(StructureType.DIRECTORY_LEAF, block << Geometry.BLOCK_SHIFT);
        tx.putLong(leaf, OWNER, LEAF_OWNER);
        link(tx, slot, new Entry(false, block, new byte[Geometry.BLOCK_BYTES]));
        changeLeaf(tx, random, slot);
    }

    private void makeData(Transaction tx, Random random, int slot) throws FsException {
        long block = allocate(tx);
        byte[] content = new byte[Geometry.BLOCK_BYTES];
        random.nextBytes(content);
        region.write(block << Geometry.BLOCK_SHIFT, content, 0, content.length);
        region.flush(block << Geometry.BLOCK_SHIFT, content.length);
        link(tx, slot, new Entry(true, block, content));
    }

    private void link(Transaction tx, int slot, Entry entry) throws FsException {
        tx.putLong(root(), slotOffset(slot), valueOf(entry));
        model[slot] = entry;
    }

    private void remove(Transaction tx, int slot) throws FsException {
        Entry entry = model[slot];
        if (!entry.data) {
            tx.discard(leaf(entry.block));
        }
        quarantined.set((int) entry.block);
        tx.noteFree(PackedExtent.of(entry.block, 1));
        link(tx, slot, null);
    }

    private void changeLeaf(Transaction tx, Random random, int slot) throws FsException {
        long block = model[slot].block;
        byte[] content = model[slot].content.clone();
        MetaBuffer leaf = leaf(block);
        for (int changes = 1 + random.nextInt(5); changes > 0; changes--) {
            change(tx, random, leaf, content);
        }
        model[slot] = new Entry(false, block, content);
    }

    /** One store of every kind that a transaction offers, done to the model as well. */
    private static void change(Transaction tx, Random random, MetaBuffer leaf, byte[] content) {
        int length = 1 + random.nextInt(random.nextInt(8) == 0 ? 2000 : 100);
        int at = CONTENT + random.nextInt(content.length - CONTENT - length - Long.BYTES);
        long value = random.nextLong();
        switch (random.nextInt(7)) {
            case 0 -> {
                tx.putByte(leaf, at, (int) value);
                content[at] = (byte) value;
            }
            case 1 -> {
                tx.putShort(leaf, at, (int) value);
                Bytes.putShort(content, at, (int) value);
            }
            case 2 -> {
                tx.putInt(leaf, at, (int) value);
                Bytes.putInt(content, at, (int) value);
            }
            case 3 -> {
                tx.putLong(leaf, at, value);
                Bytes.putLong(content, at, value);
            }
            case 4 -> {
                byte[] bytes = new byte[length + 3];
                random.nextBytes(bytes);
                tx.putBytes(leaf, at, bytes, 3, length);
                System.arraycopy(bytes, 3, content, at, length);
            }
            case 5 -> {
                int from = CONTENT + random.nextInt(content.length - CONTENT - length);
                tx.copy(leaf, from, leaf, at, length);
                System.arraycopy(content, from, content, at, length);
            }
            default -> {
                tx.zero(leaf, at, length);
                Arrays.fill(content, at, at + length, (byte) 0);
            }
        }
    }

    @Override
    public void undoAllocation(Transaction tx, long extent) {
        free.set((int) PackedExtent.start(extent));
    }

    @Override
    public void undoFree(Transaction tx, long extent) {
        endQuarantine(extent);
    }

    @Override
    public void freedDurably(long extent) {
        endQuarantine(extent);
        free.set((int) PackedExtent.start(extent));
    }

    private void endQuarantine(long extent) {
        int block = (int) PackedExtent.start(extent);
        assertTrue(quarantined.get(block), "block " + block + " was not freed");
        quarantined.clear(block);
    }

    @Override
    public void prepareCommit(Transaction tx) {
        try {
            tx.putShort(root(), LIVE_COUNT, liveSlots());
        } catch (FsException e) {
            throw new IllegalStateException(e);
        }
    }
}
