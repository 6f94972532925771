package io.fusedax.mount;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A file that programs map directly: who, what was granted, and what is being changed. Its monitor
 * is held by the caller of every method, and while a fault is answered.
 *
 * <p>Invariant: an answer of an older generation than a revocation's is void, so what is revoked
 * under the monitor is revoked from answers under way, too.
 */
final class MappedFile {
    final long inode;
    final FaultCounts counts;

    /** Taken off the table: look the file up again. */
    boolean dead;

    /** Ranges that programs may have stored into and that have not been flushed since. */
    final RangeSet stored = new RangeSet();

    private final AtomicLong generations;
    private final List<Attachment> attachments = new ArrayList<>(2);
    private final List<Freeze> frozen = new ArrayList<>(1);
    private long generation;

    /**
     * @param generations of the whole mount: a generation is never used twice
     */
    MappedFile(long inode, FaultCounts counts, AtomicLong generations) {
        this.inode = inode;
        this.counts = counts;
        this.generations = generations;
        this.generation = generations.incrementAndGet();
    }

    /** What one program was granted. */
    static final class Attachment {
        final DirectClient client;

        /** Ranges that were answered with zeros and have not been revoked. */
        final RangeSet zeros = new RangeSet();

        /** Nothing at or behind it was granted. */
        long grantedEnd;

        Attachment(DirectClient client) {
            this.client = client;
        }
    }

    /** A range whose blocks are being changed. */
    static final class Freeze {
        final long from;
        final long to;

        Freeze(long from, long to) {
            this.from = from;
            this.to = to;
        }
    }

    long generation() {
        return generation;
    }

    Attachment attach(DirectClient client) {
        Attachment attachment = attachmentOf(client);
        if (attachment == null) {
            attachment = new Attachment(client);
            attachments.add(attachment);
        }
        return attachment;
    }

    Attachment attachmentOf(DirectClient client) {
        for (int i = 0; i < attachments.size(); i++) {
            if (attachments.get(i).client == client) {
                return attachments.get(i);
            }
        }
        return null;
    }

    void detach(DirectClient client) {
        attachments.removeIf(attachment -> attachment.client == client);
    }

    boolean hasAttachments() {
        return !attachments.isEmpty();
    }

    boolean isUsed() {
        return !attachments.isEmpty() || !frozen.isEmpty();
    }

    Freeze freeze(long from, long to) {
        Freeze freeze = new Freeze(from, to);
        frozen.add(freeze);
        return freeze;
    }

    void unfreeze(Freeze freeze) {
        frozen.remove(freeze);
    }

    /**
     * Keeps a fault's area clear of frozen ranges.
     *
     * @return false if the page itself is frozen
     */
    boolean clip(io.fusedax.backing.volume.Fault fault) {
        for (int i = 0; i < frozen.size(); i++) {
            Freeze freeze = frozen.get(i);
            if (freeze.to <= fault.offset) {
                fault.areaStart = Math.max(fault.areaStart, freeze.to);
            } else if (freeze.from > fault.offset) {
                fault.areaEnd = Math.min(fault.areaEnd, freeze.from);
            } else {
                return false;
            }
        }
        return true;
    }

    /**
     * Revokes all access to a range.
     *
     * @return null if nothing of it was granted
     */
    Revoked revoke(long from, long to) {
        Revoked revoked = null;
        for (int i = 0; i < attachments.size(); i++) {
            Attachment attachment = attachments.get(i);
            if (attachment.grantedEnd <= from) {
                continue;
            }
            if (revoked == null) {
                generation = generations.incrementAndGet();
                revoked = new Revoked();
            }
            attachment.zeros.remove(from, to);
            if (attachment.grantedEnd <= to) {
                attachment.grantedEnd = from;
            }
            revoked.ask(attachment.client, inode, from, to, generation);
        }
        return revoked;
    }

    /**
     * Revokes zeros where there is data now.
     *
     * @param own the program whose fault made the data, or null: it drops the zeros within its
     *     answer, {@code exceptFrom..exceptTo}, by itself
     * @return null if no program is to be asked; the generation may be a new one all the same
     */
    Revoked revokeZeros(long from, long to, DirectClient own, long exceptFrom, long exceptTo) {
        boolean any = false;
        for (int i = 0; i < attachments.size(); i++) {
            any |= attachments.get(i).zeros.overlaps(from, to);
        }
        if (!any) {
            return null;
        }
        generation = generations.incrementAndGet();
        Revoked revoked = null;
        for (int i = 0; i < attachments.size(); i++) {
            Attachment attachment = attachments.get(i);
            boolean ask =
                    attachment.client == own
                            ? attachment.zeros.overlapsOutside(from, to, exceptFrom, exceptTo)
                            : attachment.zeros.overlaps(from, to);
            attachment.zeros.remove(from, to);
            if (ask) {
                revoked = revoked == null ? new Revoked() : revoked;
                revoked.ask(attachment.client, inode, from, to, generation);
            }
        }
        return revoked;
    }

    /** A revocation that was sent. */
    static final class Revoked {
        final Revocation answers = new Revocation();

        /** Programs that it could not be sent to. */
        final List<DirectClient> unreachable = new ArrayList<>(0);

        void ask(DirectClient client, long inode, long from, long to, long generation) {
            if (!client.revoke(answers, inode, from, to, generation)) {
                unreachable.add(client);
            }
        }
    }
}
