package io.fusedax.backing.journal;

import io.fusedax.backing.Counter;
import io.fusedax.backing.Counters;
import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.RecordLayout;
import io.fusedax.backing.format.TransactionLayout;
import io.fusedax.backing.region.MediaErrorException;
import io.fusedax.backing.region.Region;
import java.util.Arrays;
import java.util.List;

/**
 * Turns a transaction into log records and, once these are durable, into home stores. Cost follows
 * the lines changed. Used by one commit at a time.
 */
final class Committer {
    private static final int KEPT_BYTES = 1 << 20;

    private final JournalLog log;
    private final MetadataCache cache;
    private final Counters counters;
    private final Region region;

    private byte[] staged = new byte[1 << 16];
    private int stagedBytes;
    private long recordCount;
    private int structures;

    Committer(JournalLog log, MetadataCache cache, Counters counters) {
        this.log = log;
        this.cache = cache;
        this.counters = counters;
        this.region = log.region();
    }

    /** Copies every changed line; no operation is under way. */
    void stage(RunningTransaction transaction) {
        if (staged.length > KEPT_BYTES) {
            staged = new byte[1 << 16];
        }
        stagedBytes = TransactionLayout.SIZE_BYTES;
        recordCount = 0;
        structures = 0;
        LongList revoked = transaction.revokedAddresses();
        for (int i = 0; i < revoked.size(); i++) {
            reserve(RecordLayout.SIZE_BYTES);
            stageHead(revoked.get(i), Geometry.BLOCK_BYTES, RecordLayout.KIND_REVOKE);
        }
        List<MetaBuffer> dirty = transaction.dirty();
        for (int i = 0; i < dirty.size(); i++) {
            MetaBuffer buffer = dirty.get(i);
            if (!buffer.discarded) {
                stage(buffer);
            }
            buffer.dirtyLines = 0;
        }
    }

    private void stage(MetaBuffer buffer) {
        cache.checksums().seal(buffer.type(), buffer.address(), buffer.bytes);
        long lines = buffer.dirtyLines | 1; // the checksum is in the first line
        structures++;
        while (lines != 0) {
            int first = Long.numberOfTrailingZeros(lines);
            int count = Long.numberOfTrailingZeros(~(lines >>> first));
            stageRun(buffer, first << MetaBuffer.LINE_SHIFT, count << MetaBuffer.LINE_SHIFT);
            lines = first + count == Long.SIZE ? 0 : lines & -1L << first + count;
        }
    }

    private void stageRun(MetaBuffer buffer, int offset, int length) {
        reserve(RecordLayout.SIZE_BYTES + length);
        stageHead(buffer.address() + offset, length, RecordLayout.KIND_REDO);
        System.arraycopy(buffer.bytes, offset, staged, stagedBytes, length);
        stagedBytes += length;
    }

    private void stageHead(long address, int length, int kind) {
        Bytes.putLong(staged, stagedBytes + RecordLayout.ADDRESS, address);
        Bytes.putInt(staged, stagedBytes + RecordLayout.LENGTH_BYTES, length);
        Bytes.putInt(staged, stagedBytes + RecordLayout.KIND, kind);
        stagedBytes += RecordLayout.SIZE_BYTES;
        recordCount++;
    }

    private void reserve(int length) {
        if (stagedBytes + length > staged.length) {
            staged = Arrays.copyOf(staged, Math.max(2 * staged.length, stagedBytes + length));
        }
    }

    /** Makes the staged transaction durable, then stores it home. */
    void write() {
        if (!log.fits(stagedBytes)) {
            if (stagedBytes > log.capacityBytes()) {
                throw new IllegalStateException(
                        "transaction_bytes="
                                + stagedBytes
                                + " exceed journal_bytes="
                                + log.capacityBytes());
            }
            log.reset();
            counters.increment(Counter.JOURNAL_CHECKPOINTS);
        }
        provideStorage();
        try {
            log.append(staged, stagedBytes, recordCount);
        } catch (MediaErrorException e) {
            throw new MediaErrorException("journal transaction " + log.nextSequence(), e);
        }
        counters.add(Counter.JOURNAL_LOGGED_BYTES, stagedBytes);
        counters.add(Counter.JOURNAL_LOGGED_BLOCKS, structures);
        try {
            writeHome();
        } catch (MediaErrorException e) { // the log has it: the next mount tries again
            throw new MediaErrorException("metadata of a committed transaction", e);
        }
    }

    private void provideStorage() {
        try {
            log.provide(stagedBytes);
            try {
                provideHomes();
            } catch (FsException e) {
                if (!region.releaseStorage()) {
                    throw e;
                }
                provideHomes();
            }
        } catch (FsException e) {
            throw new MediaErrorException(
                    "journal transaction " + log.nextSequence() + ": " + e.getMessage());
        }
    }

    /** Where the file behind the region was copied without the blocks that hold zeros. */
    private void provideHomes() throws FsException {
        int at = TransactionLayout.SIZE_BYTES;
        while (at < stagedBytes) {
            int length = Bytes.getInt(staged, at + RecordLayout.LENGTH_BYTES);
            if (Bytes.getInt(staged, at + RecordLayout.KIND) == RecordLayout.KIND_REDO) {
                region.provideAll(Bytes.getLong(staged, at + RecordLayout.ADDRESS), length);
                at += length;
            }
            at += RecordLayout.SIZE_BYTES;
        }
    }

    /** No drain here: the log keeps the transaction until a reset, which drains first. */
    private void writeHome() {
        int at = TransactionLayout.SIZE_BYTES;
        while (at < stagedBytes) {
            long address = Bytes.getLong(staged, at + RecordLayout.ADDRESS);
            int length = Bytes.getInt(staged, at + RecordLayout.LENGTH_BYTES);
            int kind = Bytes.getInt(staged, at + RecordLayout.KIND);
            at += RecordLayout.SIZE_BYTES;
            if (kind == RecordLayout.KIND_REDO) {
                region.write(address, staged, at, length);
                region.flush(address, length);
                at += length;
            }
        }
    }
}
