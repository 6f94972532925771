package io.fusedax.backing.journal;

import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.StructureType;
import java.util.ArrayList;
import java.util.List;

/**
 * One operation's part of the running transaction, and the only way to store into metadata.
 *
 * <p>All that an operation stores becomes durable together, with the commit that the running
 * transaction ends with, or not at all. {@link #close()} without {@link #commit()} takes every
 * store, allocation and free back. The locks of all structures it stored into must be held until
 * then.
 */
public final class Transaction implements AutoCloseable {
    private final Journal journal;
    private final UndoLog undo = new UndoLog();
    private final LongList allocated = new LongList();
    private final LongList freed = new LongList();
    private final LongList revoked = new LongList();
    private final List<MetaBuffer> created = new ArrayList<>();
    private final List<MetaBuffer> discarded = new ArrayList<>();
    private final List<Runnable> rollbackActions = new ArrayList<>();

    private RunningTransaction running;
    private long barrierStamp;
    private long operation;
    private int dirtiedLines;
    private boolean undoing;
    private boolean done;
    private boolean mayUseReserve;

    Transaction(Journal journal) {
        this.journal = journal;
    }

    void open(RunningTransaction newRunning, long newBarrierStamp, long newOperation) {
        running = newRunning;
        barrierStamp = newBarrierStamp;
        operation = newOperation;
        done = false;
        mayUseReserve = false;
    }

    /** Number of the transaction that this operation commits with. */
    public long tid() {
        return running.tid;
    }

    /** Whether this operation may take the blocks that a full volume keeps back. */
    public boolean mayUseReserve() {
        return mayUseReserve;
    }

    /**
     * Opens or closes the reserve to this operation: for those that free more than they take, and
     * for what was promised before.
     */
    public void mayUseReserve(boolean allowed) {
        mayUseReserve = allowed;
    }

    public void putByte(MetaBuffer buffer, int offset, int value) {
        touch(buffer, offset, Byte.BYTES);
        buffer.bytes[offset] = (byte) value;
    }

    public void putShort(MetaBuffer buffer, int offset, int value) {
        touch(buffer, offset, Short.BYTES);
        Bytes.putShort(buffer.bytes, offset, value);
    }

    public void putInt(MetaBuffer buffer, int offset, int value) {
        touch(buffer, offset, Integer.BYTES);
        Bytes.putInt(buffer.bytes, offset, value);
    }

    public void putLong(MetaBuffer buffer, int offset, long value) {
        touch(buffer, offset, Long.BYTES);
        Bytes.putLong(buffer.bytes, offset, value);
    }

    public void putBytes(MetaBuffer buffer, int offset, byte[] src, int srcOffset, int length) {
        touch(buffer, offset, length);
        System.arraycopy(src, srcOffset, buffer.bytes, offset, length);
    }

    /** Copies between or within structures; the ranges may overlap. */
    public void copy(MetaBuffer from, int fromOffset, MetaBuffer to, int toOffset, int length) {
        touch(to, toOffset, length);
        System.arraycopy(from.bytes, fromOffset, to.bytes, toOffset, length);
    }

    /** Stores zeros. */
    public void zero(MetaBuffer buffer, int offset, int length) {
        touch(buffer, offset, length);
        java.util.Arrays.fill(buffer.bytes, offset, offset + length, (byte) 0);
    }

    /**
     * A new structure, all zeros but for its magic, in a block that this operation allocated. What
     * the media holds there is not looked at.
     *
     * @param address byte offset in the region, a multiple of 64
     */
    public MetaBuffer create(StructureType type, long address) {
        MetaBuffer buffer = journal.cache().create(type, address);
        created.add(buffer);
        initialize(buffer);
        return buffer;
    }

    /** As {@link #create} for a structure that stays when the operation is taken back. */
    public MetaBuffer createShared(StructureType type, long address) {
        MetaBuffer buffer = journal.cache().create(type, address);
        initialize(buffer);
        return buffer;
    }

    /** Makes an existing buffer a new, zeroed structure of its type. */
    public void initialize(MetaBuffer buffer) {
        zero(buffer, 0, buffer.bytes.length);
        Bytes.putInt(buffer.bytes, StructureType.MAGIC_OFFSET, buffer.type().magic());
    }

    /**
     * The structure's block is freed by this operation: once committed it is neither logged nor
     * written home, and recovery replays nothing older over the block's next life.
     */
    public void discard(MetaBuffer buffer) {
        discarded.add(buffer);
        revoked.add(buffer.address());
    }

    /** Notes an allocation, to be given back if the operation is. */
    public void noteAllocation(long packedExtent) {
        allocated.add(packedExtent);
    }

    /** Notes a free; the client hears of it again when it is durable, or undone. */
    public void noteFree(long packedExtent) {
        freed.add(packedExtent);
    }

    /** Runs when the operation is taken back, after its stores have been; may store again. */
    public void onRollback(Runnable action) {
        rollbackActions.add(action);
    }

    /** Joins the operation's changes to the running transaction. Not yet durable. */
    public void commit() {
        if (done) {
            throw new IllegalStateException("operation committed twice");
        }
        for (int i = 0; i < discarded.size(); i++) {
            MetaBuffer buffer = discarded.get(i);
            buffer.discarded = true;
            journal.cache().remove(buffer);
        }
        running.join(freed, revoked, dirtiedLines);
        done = true;
    }

    /** Ends the operation; without {@link #commit()} before, as if it had never been. */
    @Override
    public void close() {
        try {
            if (!done) {
                rollback();
            }
        } finally {
            clear();
            journal.end(this, barrierStamp);
        }
    }

    private void rollback() {
        undo.restore();
        undoing = true;
        for (int i = created.size() - 1; i >= 0; i--) {
            created.get(i).discarded = true;
            journal.cache().remove(created.get(i));
        }
        for (int i = rollbackActions.size() - 1; i >= 0; i--) {
            rollbackActions.get(i).run();
        }
        for (int i = freed.size() - 1; i >= 0; i--) {
            journal.client().undoFree(this, freed.get(i));
        }
        for (int i = allocated.size() - 1; i >= 0; i--) {
            journal.client().undoAllocation(this, allocated.get(i));
        }
        freed.clear();
        revoked.clear();
        running.join(freed, revoked, dirtiedLines);
    }

    private void clear() {
        undo.clear();
        allocated.clear();
        freed.clear();
        revoked.clear();
        created.clear();
        discarded.clear();
        rollbackActions.clear();
        dirtiedLines = 0;
        undoing = false;
        running = null;
    }

    private void touch(MetaBuffer buffer, int offset, int length) {
        if (length <= 0) {
            return;
        }
        int first = offset >> MetaBuffer.LINE_SHIFT;
        int last = (offset + length - 1) >> MetaBuffer.LINE_SHIFT;
        long lines = (-1L >>> (63 - (last - first))) << first;
        if (buffer.dirtyTid != running.tid) {
            journal.cache().dirty(buffer, running);
        }
        long fresh = (lines | 1) & ~buffer.dirtyLines; // the checksum is in the first line
        if (fresh != 0) {
            buffer.dirtyLines |= fresh;
            dirtiedLines += Long.bitCount(fresh);
        }
        if (!undoing && !isShared(buffer.type())) {
            saveForUndo(buffer, lines);
        }
    }

    /**
     * Structures that several operations change at once, each under a short lock of its own: what
     * one did there is undone by doing the opposite, never by restoring lines.
     */
    private static boolean isShared(StructureType type) {
        return type == StructureType.GROUP || type == StructureType.VOLUME_STATE;
    }

    private void saveForUndo(MetaBuffer buffer, long lines) {
        if (buffer.undoOperation != operation) {
            buffer.undoOperation = operation;
            buffer.undoLines = 0;
        }
        long unsaved = lines & ~buffer.undoLines;
        buffer.undoLines |= unsaved;
        while (unsaved != 0) {
            undo.save(buffer, Long.numberOfTrailingZeros(unsaved));
            unsaved &= unsaved - 1;
        }
    }
}
