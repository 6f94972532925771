package io.fusedax.backing.journal;

import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.RecordLayout;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.format.TransactionLayout;
import io.fusedax.backing.region.Region;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import jnr.constants.platform.Errno;

/**
 * Brings the home locations up to the last committed transaction: finds the transactions, collects
 * their revokes, replays their records in order. Doing it again, or part of it, changes nothing, so
 * power may be cut in the middle. Time and memory are bounded by the journal's size.
 */
public final class Recovery {
    private final JournalLog log;
    private final Region region;
    private final Geometry geometry;
    private final byte[] head = new byte[TransactionLayout.SIZE_BYTES];
    private final byte[] record = new byte[RecordLayout.SIZE_BYTES];
    private final byte[] content = new byte[Geometry.BLOCK_BYTES];
    private final byte[] scratch = new byte[1 << 16];

    /** Sequence of the last revoke by address. */
    private final Map<Long, Long> revokes = new HashMap<>();

    Recovery(JournalLog log, Geometry geometry) {
        this.log = log;
        this.region = log.region();
        this.geometry = geometry;
    }

    /** Sees the transactions and records of a log. */
    public interface Visitor {
        /** One valid transaction, before its records. */
        void transaction(long sequence, long offset, long lengthBytes, long recordCount)
                throws FsException;

        /** One record; for a redo record the bytes are at {@code contentOffset}. */
        void record(int kind, long address, int lengthBytes, long contentOffset) throws FsException;
    }

    /**
     * Replays what the log holds and resets it.
     *
     * @return transactions replayed
     * @throws FsException EUCLEAN when a committed transaction is damaged; nothing was replayed
     *     then
     */
    long run() throws FsException {
        long first = log.open();
        long count = walk(first, new RevokeCollector());
        if (count > 0) {
            walk(first, new Replayer());
        }
        log.resume(first + count);
        if (count > 0) {
            log.reset();
        }
        return count;
    }

    /**
     * Visits all committed transactions from the log's start.
     *
     * @return how many there are
     * @throws FsException EUCLEAN when the log goes on behind a damaged transaction
     */
    long walk(long firstSequence, Visitor visitor) throws FsException {
        long position = 0;
        long sequence = firstSequence;
        while (true) {
            long length = validTransactionAt(position, sequence);
            if (length == 0) {
                break;
            }
            visitRecords(position, sequence, length, visitor);
            position += JournalLog.alignedLength(length);
            sequence++;
        }
        refuseIfLogGoesOn(position, sequence);
        return sequence - firstSequence;
    }

    /** Length of the valid transaction with this sequence at this place in the log, or 0. */
    private long validTransactionAt(long position, long sequence) {
        if (position + TransactionLayout.SIZE_BYTES > log.capacityBytes()) {
            return 0;
        }
        long offset = log.logOffset() + position;
        region.read(offset, head, 0, head.length);
        long length = Bytes.getLong(head, TransactionLayout.LENGTH_BYTES);
        boolean plausible =
                Bytes.getInt(head, TransactionLayout.MAGIC) == StructureType.TRANSACTION.magic()
                        && Bytes.getLong(head, TransactionLayout.SEQUENCE) == sequence
                        && length >= TransactionLayout.SIZE_BYTES
                        && length <= log.capacityBytes() - position;
        if (!plausible) {
            return 0;
        }
        int stored = Bytes.getInt(head, TransactionLayout.CHECKSUM);
        return log.checksumOnMedia(offset, head, length, scratch) == stored ? length : 0;
    }

    private void visitRecords(long position, long sequence, long length, Visitor visitor)
            throws FsException {
        long offset = log.logOffset() + position;
        long recordCount = Bytes.getLong(head, TransactionLayout.RECORD_COUNT);
        visitor.transaction(sequence, offset, length, recordCount);
        long at = offset + TransactionLayout.SIZE_BYTES;
        long end = offset + length;
        for (long i = 0; i < recordCount; i++) {
            if (at + RecordLayout.SIZE_BYTES > end) {
                throw damaged(sequence, offset, "record " + i + " outside");
            }
            region.read(at, record, 0, record.length);
            long address = Bytes.getLong(record, RecordLayout.ADDRESS);
            int bytes = Bytes.getInt(record, RecordLayout.LENGTH_BYTES);
            int kind = Bytes.getInt(record, RecordLayout.KIND);
            at += RecordLayout.SIZE_BYTES;
            checkRecord(sequence, offset, address, bytes, kind);
            if (kind == RecordLayout.KIND_REDO && at + bytes > end) {
                throw damaged(sequence, offset, "record " + i + " outside");
            }
            visitor.record(kind, address, bytes, at);
            if (kind == RecordLayout.KIND_REDO) {
                at += bytes;
            }
        }
    }

    private void checkRecord(long sequence, long offset, long address, int bytes, int kind)
            throws FsException {
        boolean kindKnown = kind == RecordLayout.KIND_REDO || kind == RecordLayout.KIND_REVOKE;
        if (!kindKnown || !geometry.mayBeLogged(address, bytes)) {
            throw damaged(
                    sequence, offset, "kind " + kind + " address " + address + " bytes " + bytes);
        }
    }

    /**
     * A transaction is stored only after its predecessor is durable. So a valid later one proves
     * that this one was committed and is damaged, not torn.
     */
    private void refuseIfLogGoesOn(long position, long sequence) throws FsException {
        long magicAndMore = StructureType.TRANSACTION.magic() & 0xFFFF_FFFFL;
        for (long at = position;
                at + TransactionLayout.SIZE_BYTES <= log.capacityBytes();
                at += 64) {
            long offset = log.logOffset() + at;
            if ((region.getInt(offset) & 0xFFFF_FFFFL) != magicAndMore) {
                continue;
            }
            long found = region.getLong(offset + TransactionLayout.SEQUENCE);
            if (found > sequence && validTransactionAt(at, found) != 0) {
                throw damaged(
                        sequence,
                        log.logOffset() + position,
                        "not valid, but transaction " + found + " follows at offset " + offset);
            }
        }
    }

    private static FsException damaged(long sequence, long offset, String problem) {
        return new FsException(
                Errno.EUCLEAN,
                "journal transaction " + sequence + " at offset " + offset + ": " + problem);
    }

    /** First pass: which addresses must not be replayed up to which transaction. */
    private final class RevokeCollector implements Visitor {
        private long current;

        @Override
        public void transaction(long sequence, long offset, long lengthBytes, long recordCount) {
            current = sequence;
        }

        @Override
        public void record(int kind, long address, int lengthBytes, long contentOffset) {
            if (kind == RecordLayout.KIND_REVOKE) {
                revokes.put(address, current);
            }
        }
    }

    /** Second pass: stores the records home. */
    private final class Replayer implements Visitor {
        private long current;

        @Override
        public void transaction(long sequence, long offset, long lengthBytes, long recordCount) {
            current = sequence;
        }

        @Override
        public void record(int kind, long address, int lengthBytes, long contentOffset)
                throws FsException {
            if (kind != RecordLayout.KIND_REDO || revoked(address)) {
                return;
            }
            region.provideAll(address, lengthBytes);
            region.read(contentOffset, content, 0, lengthBytes);
            region.write(address, content, 0, lengthBytes);
            region.flush(address, lengthBytes);
        }

        /** Revokes name the start of a block-sized structure, records any line within. */
        private boolean revoked(long address) {
            Long upTo = revokes.get(address & -Geometry.BLOCK_BYTES);
            return Objects.requireNonNullElse(upTo, 0L) >= current;
        }
    }
}
