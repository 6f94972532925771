package io.fusedax.backing.volume;

import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.Checksums;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.JournalHeaderLayout;
import io.fusedax.backing.format.RecordLayout;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.format.TransactionLayout;
import io.fusedax.backing.region.Region;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32C;

/**
 * Reads a journal that may be damaged, and mends it so that it can be opened.
 *
 * <p>What a damaged transaction takes with it is little: the next one is made durable only after
 * its predecessor is home. So of all transactions in the log, at most the last is needed, and that
 * alone is replayed when one before it is damaged.
 */
final class CheckJournal {
    private final Region region;
    private final Geometry geometry;
    private final Checksums checksums;
    private final long headerOffset;
    private final long logOffset;
    private final long capacityBytes;
    private final byte[] head = new byte[TransactionLayout.SIZE_BYTES];
    private final byte[] chunk = new byte[1 << 16];

    private final List<Slot> slots = new ArrayList<>();
    private final List<Logged> transactions = new ArrayList<>();
    private long firstSequence;

    /** The log began anew after the slot that is left was written: the lost one was durable. */
    private boolean lostSlotCounted;

    /** Behind the transactions in sequence: the last valid one, or null. */
    private Logged straggler;

    /**
     * @param problem what is wrong, or null
     */
    record Slot(long offset, long firstSequence, String problem, byte[] bytes) {}

    /**
     * A transaction whose checksum is right.
     *
     * @param problem what is wrong with its records, or null
     */
    record Logged(long sequence, long offset, long lengthBytes, long recordCount, String problem) {}

    /** Receives the records of a transaction. */
    interface RecordVisitor {
        void record(int kind, long address, int lengthBytes, long contentOffset);
    }

    CheckJournal(Region region, Geometry geometry) {
        this.region = region;
        this.geometry = geometry;
        this.checksums = new Checksums(geometry.uuid());
        this.headerOffset = geometry.journalBlock() << Geometry.BLOCK_SHIFT;
        this.logOffset = headerOffset + Geometry.BLOCK_BYTES;
        this.capacityBytes = geometry.journalLengthBlocks() - 1 << Geometry.BLOCK_SHIFT;
        readSlots();
        readLog();
    }

    List<Slot> slots() {
        return slots;
    }

    /** The transactions that recovery sees, in order. */
    List<Logged> transactions() {
        return transactions;
    }

    /** Sequence that the log starts with. */
    long firstSequence() {
        return firstSequence;
    }

    long logOffset() {
        return logOffset;
    }

    long capacityBytes() {
        return capacityBytes;
    }

    private void readSlots() {
        for (int i = 0; i < JournalHeaderLayout.SLOT_COUNT; i++) {
            long offset = headerOffset + (long) i * JournalHeaderLayout.SLOT_STRIDE_BYTES;
            byte[] bytes = new byte[JournalHeaderLayout.SIZE_BYTES];
            region.read(offset, bytes, 0, bytes.length);
            String problem = checksums.problem(StructureType.JOURNAL_HEADER, offset, bytes);
            long first = Bytes.getLong(bytes, JournalHeaderLayout.FIRST_SEQUENCE);
            if (problem == null && first <= 0) {
                problem = "first_sequence " + first;
            }
            slots.add(new Slot(offset, first, problem, bytes));
            if (problem == null) {
                firstSequence = Math.max(firstSequence, first);
            }
        }
    }

    private void readLog() {
        long at = 0;
        Logged next = transactionAt(0);
        boolean slotLost = slots.stream().anyMatch(slot -> slot.problem != null);
        if (slotLost && next != null && next.sequence > firstSequence) {
            // what stands at the log's start tells what the lost slot told
            firstSequence = next.sequence;
            lostSlotCounted = true;
        }
        while (next != null && next.sequence == firstSequence + transactions.size()) {
            transactions.add(next);
            at += next.lengthBytes + 63 & -64;
            next = transactionAt(at);
        }
        if (firstSequence != 0) {
            findStraggler(at, firstSequence + transactions.size());
        }
    }

    private void findStraggler(long from, long expected) {
        int magic = StructureType.TRANSACTION.magic();
        long best = expected;
        for (long at = from; at + TransactionLayout.SIZE_BYTES <= capacityBytes; at += 64) {
            if (region.getInt(logOffset + at) != magic
                    || region.getLong(logOffset + at + TransactionLayout.SEQUENCE) <= best) {
                continue;
            }
            Logged found = transactionAt(at);
            if (found != null) {
                straggler = found;
                best = found.sequence;
            }
        }
    }

    /** The valid transaction at this place in the log, or null. */
    private Logged transactionAt(long position) {
        if (position + TransactionLayout.SIZE_BYTES > capacityBytes) {
            return null;
        }
        long offset = logOffset + position;
        region.read(offset, head, 0, head.length);
        long sequence = Bytes.getLong(head, TransactionLayout.SEQUENCE);
        long length = Bytes.getLong(head, TransactionLayout.LENGTH_BYTES);
        if (Bytes.getInt(head, TransactionLayout.MAGIC) != StructureType.TRANSACTION.magic()
                || sequence <= 0
                || length < TransactionLayout.SIZE_BYTES
                || length > capacityBytes - position
                || checksum(offset, length) != Bytes.getInt(head, TransactionLayout.CHECKSUM)) {
            return null;
        }
        long count = Bytes.getLong(head, TransactionLayout.RECORD_COUNT);
        Logged unchecked = new Logged(sequence, offset, length, count, null);
        String problem = visitRecords(unchecked, (kind, address, bytes, content) -> {});
        return new Logged(sequence, offset, length, count, problem);
    }

    private int checksum(long offset, long lengthBytes) {
        CRC32C crc = checksums.start(offset);
        crc.update(head, 0, StructureType.CHECKSUM_OFFSET);
        int rest = StructureType.CHECKSUM_OFFSET + Integer.BYTES;
        crc.update(head, rest, head.length - rest);
        long at = offset + head.length;
        while (at < offset + lengthBytes) {
            int part = (int) Math.min(chunk.length, offset + lengthBytes - at);
            region.read(at, chunk, 0, part);
            crc.update(chunk, 0, part);
            at += part;
        }
        return (int) crc.getValue();
    }

    /**
     * Visits the records up to one that is wrong.
     *
     * @return what is wrong with it, or null
     */
    String visitRecords(Logged transaction, RecordVisitor visitor) {
        byte[] record = new byte[RecordLayout.SIZE_BYTES];
        long at = transaction.offset + TransactionLayout.SIZE_BYTES;
        long end = transaction.offset + transaction.lengthBytes;
        for (long i = 0; i < transaction.recordCount; i++) {
            if (at + record.length > end) {
                return "record " + i + " of " + transaction.recordCount + " outside";
            }
            region.read(at, record, 0, record.length);
            at += record.length;
            long address = Bytes.getLong(record, RecordLayout.ADDRESS);
            int bytes = Bytes.getInt(record, RecordLayout.LENGTH_BYTES);
            int kind = Bytes.getInt(record, RecordLayout.KIND);
            boolean redo = kind == RecordLayout.KIND_REDO;
            if (!redo && kind != RecordLayout.KIND_REVOKE
                    || !geometry.mayBeLogged(address, bytes)
                    || redo && at + bytes > end) {
                return "record "
                        + i
                        + " of kind "
                        + kind
                        + " for "
                        + bytes
                        + " bytes at offset "
                        + address;
            }
            visitor.record(kind, address, bytes, at);
            at += redo ? bytes : 0;
        }
        return null;
    }

    /**
     * Tells what is wrong and stores what makes the journal one that can be opened; the
     * transactions that recovery would replay stay in it. Flushed, not drained.
     *
     * @param unmounted the volume was unmounted in order, so no power cut excuses a torn header
     */
    void mend(CheckReport report, boolean unmounted) {
        long next = firstSequence + transactions.size();
        Logged last = transactions.isEmpty() ? null : transactions.get(transactions.size() - 1);
        boolean damaged = straggler != null;
        for (Logged each : transactions) {
            if (each.problem != null) {
                report.problem(
                        describe(each) + ": " + each.problem,
                        "not replayed: those before the last are home");
                damaged = true;
            }
        }
        if (straggler != null) {
            long position = last == null ? logOffset : last.offset + (last.lengthBytes + 63 & -64);
            report.problem(
                    "journal transaction "
                            + next
                            + " at offset "
                            + position
                            + ": not valid, but transaction "
                            + straggler.sequence
                            + " follows at offset "
                            + straggler.offset,
                    "the last one replayed, those before it are home");
            last = straggler;
            next = straggler.sequence + 1;
        }
        boolean slotsWrong = reportSlots(report, unmounted);
        if (damaged) {
            if (last.problem == null) {
                replay(last);
            }
            region.drain();
            writeSlots(next);
        } else if (slotsWrong) {
            writeSlots(firstSequence == 0 ? afterAll() : firstSequence);
        }
    }

    private static String describe(Logged transaction) {
        return "journal transaction " + transaction.sequence + " at offset " + transaction.offset;
    }

    /** A slot that was being written when power went is no problem, and is written again soon. */
    private boolean reportSlots(CheckReport report, boolean unmounted) {
        boolean wrong = false;
        boolean mayBeTorn =
                !unmounted
                        && !lostSlotCounted
                        && slots.stream().anyMatch(slot -> slot.problem == null);
        long nextSequence = firstSequence + transactions.size();
        for (Slot slot : slots) {
            String text =
                    CheckText.at(StructureType.JOURNAL_HEADER, slot.offset) + ": " + slot.problem;
            if (slot.problem != null && mayBeTorn && isTorn(slot, nextSequence)) {
                report.note(text + "; it was being written when power went");
            } else if (slot.problem != null) {
                wrong = true;
                report.problem(text, "written anew");
            }
        }
        return wrong;
    }

    private boolean isTorn(Slot slot, long nextSequence) {
        byte[] written = new byte[JournalHeaderLayout.SIZE_BYTES];
        Bytes.putLong(written, JournalHeaderLayout.FIRST_SEQUENCE, nextSequence);
        checksums.seal(StructureType.JOURNAL_HEADER, slot.offset, written);
        return slot.firstSequence == nextSequence
                        && Bytes.getInt(slot.bytes, 0) == Bytes.getInt(written, 0)
                || Bytes.getLong(slot.bytes, 0) == Bytes.getLong(written, 0);
    }

    /** A sequence above all that the log shows, so that nothing old is taken for new. */
    private long afterAll() {
        long greatest = 0;
        int magic = StructureType.TRANSACTION.magic();
        for (long at = 0; at + TransactionLayout.SIZE_BYTES <= capacityBytes; at += 64) {
            if (region.getInt(logOffset + at) == magic) {
                long found = region.getLong(logOffset + at + TransactionLayout.SEQUENCE);
                greatest = Math.max(greatest, Math.min(found, Long.MAX_VALUE >>> 1));
            }
        }
        return greatest + 1;
    }

    private void replay(Logged transaction) {
        byte[] content = new byte[Geometry.BLOCK_BYTES];
        visitRecords(
                transaction,
                (kind, address, bytes, contentOffset) -> {
                    if (kind == RecordLayout.KIND_REDO) {
                        region.read(contentOffset, content, 0, bytes);
                        region.write(address, content, 0, bytes);
                        region.flush(address, bytes);
                    }
                });
    }

    /** Both at once: with both torn, the log tells what they did. */
    private void writeSlots(long sequence) {
        for (Slot slot : slots) {
            byte[] bytes = new byte[JournalHeaderLayout.SIZE_BYTES];
            Bytes.putLong(bytes, JournalHeaderLayout.FIRST_SEQUENCE, sequence);
            checksums.seal(StructureType.JOURNAL_HEADER, slot.offset, bytes);
            region.write(slot.offset, bytes, 0, bytes.length);
            region.flush(slot.offset, bytes.length);
        }
    }
}
