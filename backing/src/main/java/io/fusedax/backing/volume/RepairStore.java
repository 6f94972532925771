package io.fusedax.backing.volume;

import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.journal.CommitCause;
import io.fusedax.backing.journal.Journal;
import io.fusedax.backing.journal.JournalClient;
import io.fusedax.backing.journal.MetaBuffer;
import io.fusedax.backing.journal.Transaction;
import io.fusedax.backing.region.Region;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * Stores a repair that was made in memory. What lies in blocks that nobody owned is stored first
 * and directly: until the rest follows nobody sees it. The rest goes through the journal, in one
 * transaction if that has room for it: then the repair is there as a whole or not at all, wherever
 * power is cut. Otherwise it takes several, none of which tears a structure; what they replace
 * stays where it was until the inode that leads to it is replaced, so a repair that was cut short
 * loses nothing and is run again.
 */
final class RepairStore {
    private static final int LINE_BYTES = 64;

    /** Log bytes that a changed line takes at most, its record's head included. */
    private static final int LOG_BYTES_PER_LINE = LINE_BYTES + 16;

    /** Bounds the memory of a commit. */
    private static final long MAX_TRANSACTION_BYTES = 64L << 20;

    private final Region region;
    private final CheckedVolume volume;
    private final Journal journal;

    /**
     * @param region the media, whose journal has been replayed
     * @param volume what is to be stored
     * @param journal of the region
     */
    RepairStore(Region region, CheckedVolume volume, Journal journal) {
        this.region = region;
        this.volume = volume;
        this.journal = journal;
        journal.setClient(new NoAllocator());
    }

    /** A structure that replaces another one, line by line. */
    private record Replacement(long offset, CheckedVolume.Change change, List<Integer> lines) {
        long logBytes() {
            return (long) lines.size() * LOG_BYTES_PER_LINE;
        }
    }

    /**
     * Stores everything; durable when it returns.
     *
     * @return false, with nothing stored, when a power cut could lose what is there now: several
     *     transactions are needed, and blocks are reused, since too few are free
     */
    boolean store(MountRecord mountRecord, long nowSeconds) throws FsException {
        List<List<Replacement>> transactions = divide(replacements());
        if (transactions.size() > 1 && volume.reusesBlocks()) {
            return false;
        }
        storeUnseen();
        if (transactions.size() > 1) {
            mountRecord.error(nowSeconds); // should power be cut in between
        }
        for (List<Replacement> each : transactions) {
            commit(each);
        }
        return true;
    }

    /** What nothing refers to yet: the commit drains it before it makes it count. */
    private void storeUnseen() {
        for (CheckedVolume.Copy copy : volume.copies()) {
            long to = copy.to() << Geometry.BLOCK_SHIFT;
            long bytes = copy.lengthBlocks() << Geometry.BLOCK_SHIFT;
            region.copy(copy.from() << Geometry.BLOCK_SHIFT, to, bytes);
            region.flush(to, bytes);
        }
        for (Map.Entry<Long, CheckedVolume.Change> entry : volume.changes().entrySet()) {
            CheckedVolume.Change change = entry.getValue();
            if (change.fresh()) {
                region.write(entry.getKey(), change.bytes(), 0, change.bytes().length);
                region.flush(entry.getKey(), change.bytes().length);
            }
        }
    }

    private List<Replacement> replacements() {
        List<Replacement> replacements = new ArrayList<>();
        for (Map.Entry<Long, CheckedVolume.Change> entry : volume.changes().entrySet()) {
            CheckedVolume.Change change = entry.getValue();
            if (!change.fresh()) {
                List<Integer> lines = changedLines(entry.getKey(), change);
                if (!lines.isEmpty()) {
                    replacements.add(new Replacement(entry.getKey(), change, lines));
                }
            }
        }
        return replacements;
    }

    private List<Integer> changedLines(long offset, CheckedVolume.Change change) {
        byte[] wanted = change.bytes();
        byte[] found = new byte[wanted.length];
        region.read(offset, found, 0, found.length);
        boolean broken = volume.checksums().problem(change.type(), offset, found) != null;
        List<Integer> lines = new ArrayList<>();
        for (int at = 0; at < wanted.length; at += LINE_BYTES) {
            int end = at + LINE_BYTES;
            if (broken || !Arrays.equals(wanted, at, end, found, at, end)) {
                lines.add(at);
            }
        }
        return lines;
    }

    private List<List<Replacement>> divide(List<Replacement> replacements) {
        long total = replacements.stream().mapToLong(Replacement::logBytes).sum();
        long slack = 2L * Geometry.BLOCK_BYTES;
        long room = Math.min(journal.capacityBytes(), MAX_TRANSACTION_BYTES) - slack;
        long limit = total <= room ? room : journal.maximumOperationBytes();
        List<List<Replacement>> transactions = new ArrayList<>();
        long used = limit;
        for (Replacement each : replacements) {
            if (used + each.logBytes() > limit) {
                transactions.add(new ArrayList<>());
                used = 0;
            }
            transactions.get(transactions.size() - 1).add(each);
            used += each.logBytes();
        }
        return transactions;
    }

    private void commit(List<Replacement> replacements) throws FsException {
        long tid;
        try (Transaction tx = journal.begin("fsck")) {
            tid = tx.tid();
            for (Replacement each : replacements) {
                CheckedVolume.Change change = each.change;
                MetaBuffer buffer = buffer(each);
                for (int line : each.lines) {
                    tx.putBytes(buffer, line, change.bytes(), line, LINE_BYTES);
                }
            }
            tx.commit();
        }
        journal.commit(tid, CommitCause.SYNC);
    }

    private MetaBuffer buffer(Replacement replacement) throws FsException {
        CheckedVolume.Change change = replacement.change;
        boolean whole = replacement.lines.size() * LINE_BYTES == change.bytes().length;
        return whole
                ? journal.cache().createUncached(change.type(), replacement.offset)
                : journal.cache().loadUncached(change.type(), replacement.offset);
    }

    /** A repair allocates and frees nothing by the allocator's means. */
    private static final class NoAllocator implements JournalClient {
        @Override
        public void undoAllocation(Transaction tx, long packedExtent) {
            throw new IllegalStateException("no allocation");
        }

        @Override
        public void undoFree(Transaction tx, long packedExtent) {
            throw new IllegalStateException("no free");
        }

        @Override
        public void freedDurably(long packedExtent) {
            throw new IllegalStateException("no free");
        }

        @Override
        public void prepareCommit(Transaction tx) {
            // the counters are part of the repair
        }
    }
}
