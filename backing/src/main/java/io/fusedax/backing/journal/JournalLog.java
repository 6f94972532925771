package io.fusedax.backing.journal;

import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.Checksums;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.JournalHeaderLayout;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.format.TransactionLayout;
import io.fusedax.backing.region.Region;
import java.util.zip.CRC32C;
import jnr.constants.platform.Errno;

/**
 * The journal's media: two header slots, then one log that is filled from its start and reset as a
 * whole. It need not be circular, since every transaction is written home right after its commit:
 * all a reset needs is a drain.
 *
 * <p>Invariant: the valid slot with the greatest FIRST_SEQUENCE names the transaction at the log's
 * start; the transactions behind it follow without a gap and their sequences count up by one.
 */
final class JournalLog {
    private final Region region;
    private final Checksums checksums;
    private final long headerOffset;
    private final long logOffset;
    private final long capacityBytes;

    private long headBytes;
    private long nextSequence;
    private int currentSlot;

    JournalLog(Region region, Geometry geometry, Checksums checksums) {
        this.region = region;
        this.checksums = checksums;
        this.headerOffset = geometry.journalBlock() << Geometry.BLOCK_SHIFT;
        this.logOffset = headerOffset + Geometry.BLOCK_BYTES;
        this.capacityBytes = (geometry.journalLengthBlocks() - 1) << Geometry.BLOCK_SHIFT;
    }

    Region region() {
        return region;
    }

    Checksums checksums() {
        return checksums;
    }

    long logOffset() {
        return logOffset;
    }

    /** Bytes that transactions may take between two resets. */
    long capacityBytes() {
        return capacityBytes;
    }

    long nextSequence() {
        return nextSequence;
    }

    long usedBytes() {
        return headBytes;
    }

    /** Writes both slots of a new journal: flushed, not drained. */
    void format() {
        wipeOldTransactions();
        writeSlot(0, 1);
        writeSlot(1, 1);
    }

    /** An earlier volume with the same UUID and geometry may have left some that would verify. */
    private void wipeOldTransactions() {
        int magic = StructureType.TRANSACTION.magic();
        for (long at = 0; at < capacityBytes; at += TransactionLayout.SIZE_BYTES) {
            if (region.getInt(logOffset + at) == magic) {
                region.zero(logOffset + at, TransactionLayout.SIZE_BYTES);
                region.flush(logOffset + at, TransactionLayout.SIZE_BYTES);
            }
        }
    }

    /**
     * Reads the slots.
     *
     * @return the sequence that the log's first transaction carries, if it holds any
     * @throws FsException EUCLEAN when neither slot is valid
     */
    long open() throws FsException {
        byte[] slot = new byte[JournalHeaderLayout.SIZE_BYTES];
        long first = 0;
        String problem = "";
        for (int i = 0; i < JournalHeaderLayout.SLOT_COUNT; i++) {
            region.read(slotOffset(i), slot, 0, slot.length);
            String slotProblem =
                    checksums.problem(StructureType.JOURNAL_HEADER, slotOffset(i), slot);
            long sequence = Bytes.getLong(slot, JournalHeaderLayout.FIRST_SEQUENCE);
            if (slotProblem == null && sequence <= 0) {
                slotProblem = "first_sequence " + sequence;
            }
            if (slotProblem != null) {
                problem += " slot at offset " + slotOffset(i) + ": " + slotProblem + ";";
            } else if (sequence > first) {
                first = sequence;
                currentSlot = i;
            }
        }
        if (first == 0) {
            throw new FsException(Errno.EUCLEAN, "journal header:" + problem);
        }
        nextSequence = first;
        headBytes = 0;
        return first;
    }

    /** Recovery found transactions up to here. */
    void resume(long newNextSequence) {
        nextSequence = newNextSequence;
    }

    /**
     * Forgets all transactions, which must be home already: drains, so that they are, then tells
     * so.
     */
    void reset() {
        region.drain();
        int slot = 1 - currentSlot;
        writeSlot(slot, nextSequence);
        region.drain();
        currentSlot = slot;
        headBytes = 0;
    }

    boolean fits(long lengthBytes) {
        return headBytes + lengthBytes <= capacityBytes;
    }

    /** Makes sure that the host has storage for the next transaction. */
    void provide(int lengthBytes) throws FsException {
        region.provideAll(logOffset + headBytes, lengthBytes);
    }

    /**
     * Appends a transaction. The records are stored first; a drain in between makes them and all
     * data flushed before durable, so that the head, which makes them count, never exposes blocks
     * whose content is missing. Durable when it returns.
     *
     * @param staged room for the head, then the records; the head is filled in here
     * @param lengthBytes of head and records, a multiple of 16
     */
    void append(byte[] staged, int lengthBytes, long recordCount) {
        long offset = logOffset + headBytes;
        int headSize = TransactionLayout.SIZE_BYTES;
        region.write(offset + headSize, staged, headSize, lengthBytes - headSize);
        region.flush(offset + headSize, lengthBytes - headSize);
        java.util.Arrays.fill(staged, 0, headSize, (byte) 0);
        Bytes.putInt(staged, TransactionLayout.MAGIC, StructureType.TRANSACTION.magic());
        Bytes.putLong(staged, TransactionLayout.SEQUENCE, nextSequence);
        Bytes.putLong(staged, TransactionLayout.LENGTH_BYTES, lengthBytes);
        Bytes.putLong(staged, TransactionLayout.RECORD_COUNT, recordCount);
        Bytes.putInt(staged, TransactionLayout.CHECKSUM, checksums.of(offset, staged, lengthBytes));
        region.drain();
        region.write(offset, staged, 0, headSize);
        region.flush(offset, headSize);
        region.drain();
        headBytes += alignedLength(lengthBytes);
        nextSequence++;
    }

    /** Transactions start at line boundaries, so that a head is never torn across two lines. */
    static long alignedLength(long lengthBytes) {
        return lengthBytes + 63 & ~63L;
    }

    private long slotOffset(int slot) {
        return headerOffset + (long) slot * JournalHeaderLayout.SLOT_STRIDE_BYTES;
    }

    private void writeSlot(int slot, long firstSequence) {
        byte[] bytes = new byte[JournalHeaderLayout.SIZE_BYTES];
        Bytes.putLong(bytes, JournalHeaderLayout.FIRST_SEQUENCE, firstSequence);
        checksums.seal(StructureType.JOURNAL_HEADER, slotOffset(slot), bytes);
        region.write(slotOffset(slot), bytes, 0, bytes.length);
        region.flush(slotOffset(slot), bytes.length);
    }

    /** CRC32C of a transaction on media, head at {@code offset}; its length is known to fit. */
    int checksumOnMedia(long offset, byte[] head, long lengthBytes, byte[] scratch) {
        CRC32C crc = checksums.start(offset);
        crc.update(head, 0, StructureType.CHECKSUM_OFFSET);
        int afterChecksum = StructureType.CHECKSUM_OFFSET + Integer.BYTES;
        crc.update(head, afterChecksum, TransactionLayout.SIZE_BYTES - afterChecksum);
        long position = offset + TransactionLayout.SIZE_BYTES;
        long end = offset + lengthBytes;
        while (position < end) {
            int part = (int) Math.min(scratch.length, end - position);
            region.read(position, scratch, 0, part);
            crc.update(scratch, 0, part);
            position += part;
        }
        return (int) crc.getValue();
    }
}
