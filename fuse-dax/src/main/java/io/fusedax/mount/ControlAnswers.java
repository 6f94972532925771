package io.fusedax.mount;

import io.fusedax.backing.Counter;
import io.fusedax.backing.FsException;
import io.fusedax.backing.region.BadBlocks;
import io.fusedax.backing.volume.InodeAttributes;
import io.fusedax.backing.volume.Volume;
import io.fusedax.backing.volume.VolumeSummary;
import java.nio.charset.StandardCharsets;
import java.util.UUID;

/** Writes the answers of {@link ControlProtocol} to native memory; each returns its length. */
final class ControlAnswers {
    private static final long BLOCK_BYTES = 4096;

    private final MountState state;
    private final Volume volume;
    private final int processId = (int) ProcessHandle.current().pid();

    ControlAnswers(MountState state) {
        this.state = state;
        this.volume = state.volume;
    }

    int hello(long out) {
        Memory.zero(out, ControlProtocol.Hello.SIZE_BYTES);
        Memory.putLong(out + ControlProtocol.Hello.MAGIC, ControlProtocol.MAGIC);
        Memory.putInt(out + ControlProtocol.Hello.VERSION, ControlProtocol.VERSION);
        Memory.putInt(out + ControlProtocol.Hello.PROCESS_ID, processId);
        UUID uuid = volume.summary().uuid();
        long to = out + ControlProtocol.Hello.UUID;
        Memory.putLong(to, Long.reverseBytes(uuid.getMostSignificantBits()));
        Memory.putLong(to + Long.BYTES, Long.reverseBytes(uuid.getLeastSignificantBits()));
        Memory.putInt(out + ControlProtocol.Hello.READ_ONLY, volume.readOnly() ? 1 : 0);
        Memory.putInt(out + ControlProtocol.Hello.OWNER_UID, state.ownerUid);
        Memory.putInt(out + ControlProtocol.Hello.FAULT_BYTES, state.faultBytes);
        long session = state.directSession;
        Memory.putInt(
                out + ControlProtocol.Hello.MECHANISM,
                session == 0
                        ? ControlProtocol.Hello.MECHANISM_NONE
                        : state.guards
                                ? ControlProtocol.Hello.MECHANISM_UFFD
                                : ControlProtocol.Hello.MECHANISM_SIGNAL);
        Memory.putLong(out + ControlProtocol.Hello.SESSION, session);
        Memory.putInt(out + ControlProtocol.Hello.TRANSPORT, state.isNative() ? 1 : 0);
        VolumeSummary summary = volume.summary();
        Memory.putByte(
                out + ControlProtocol.Hello.REGION_KIND, (byte) summary.regionKind().ordinal());
        Memory.putByte(
                out + ControlProtocol.Hello.FLUSH, (byte) summary.flushMechanism().ordinal());
        Memory.putByte(
                out + ControlProtocol.Hello.UNIT_SHIFT,
                (byte) Integer.numberOfTrailingZeros(summary.alignmentBytes()));
        return ControlProtocol.Hello.SIZE_BYTES;
    }

    int statistics(long out) {
        Entries entries = new Entries(out);
        for (Counter counter : Counter.values()) {
            entries.add(counter, volume.counters().get(counter));
        }
        state.faultStatistics.visitLatency(
                (key, nanos) -> entries.add(unitCode("nanoseconds"), key, nanos));
        return ControlProtocol.Statistics.SIZE_BYTES;
    }

    /** What direct mappings of one file did; no entries if they are not known. */
    int fileStatistics(long inode, long out, InodeAttributes attributes) throws FsException {
        volume.getattr(inode, attributes);
        FaultCounts counts = state.faultStatistics.find(inode, attributes.generation);
        Entries entries = new Entries(out);
        for (Counter counter : FaultCounts.COUNTERS) {
            entries.add(counter, counts == null ? 0 : counts.get(counter));
        }
        return ControlProtocol.Statistics.SIZE_BYTES;
    }

    /** Entries of {@link ControlProtocol.Statistics}; a unit test sees to it that all fit. */
    private static final class Entries {
        private final long out;
        private int used = ControlProtocol.Statistics.ENTRIES;
        private int count;

        Entries(long out) {
            this.out = out;
            Memory.zero(out, ControlProtocol.Statistics.SIZE_BYTES);
        }

        void add(Counter counter, long value) {
            add(unitCode(counter.unit()), counter.key(), value);
        }

        void add(byte unit, String keyText, long value) {
            byte[] key = keyText.getBytes(StandardCharsets.US_ASCII);
            int bytes = 2 + key.length + Long.BYTES;
            if (used + bytes > ControlProtocol.Statistics.SIZE_BYTES) {
                return;
            }
            long entry = out + used;
            Memory.putByte(entry, unit);
            Memory.putByte(entry + 1, (byte) key.length);
            Memory.put(entry + 2, key, 0, key.length);
            Memory.putLong(entry + 2 + key.length, value);
            used += bytes;
            count++;
            Memory.putInt(out + ControlProtocol.Statistics.COUNT, count);
            Memory.putInt(out + ControlProtocol.Statistics.USED_BYTES, used);
        }
    }

    private static byte unitCode(String unit) {
        switch (unit) {
            case "count":
                return 0;
            case "bytes":
                return 1;
            default:
                return 2;
        }
    }

    /** The bad units from {@code startBytes} of the region on. */
    int badBlocks(long startBytes, long out) {
        Memory.zero(out, ControlProtocol.BadBlocks.SIZE_BYTES);
        int count = 0;
        int last = 1;
        for (BadBlocks.Range range : volume.badBlocks().list()) {
            if (range.offset() < startBytes) {
                continue;
            }
            if (count == ControlProtocol.BadBlocks.MAX_COUNT) {
                last = 0;
                break;
            }
            long entry =
                    out
                            + ControlProtocol.BadBlocks.ENTRIES
                            + (long) count++ * ControlProtocol.Range.SIZE_BYTES;
            Memory.putLong(entry + ControlProtocol.Range.OFFSET, range.offset());
            Memory.putLong(entry + ControlProtocol.Range.LENGTH, range.lengthBytes());
        }
        Memory.putLong(out + ControlProtocol.BadBlocks.START, startBytes);
        Memory.putInt(out + ControlProtocol.BadBlocks.COUNT, count);
        Memory.putInt(out + ControlProtocol.BadBlocks.LAST, last);
        return ControlProtocol.BadBlocks.SIZE_BYTES;
    }

    int problem(long out) {
        Memory.zero(out, ControlProtocol.Problem.SIZE_BYTES);
        byte[] text = volume.problem().orElse("").getBytes(StandardCharsets.UTF_8);
        int most = ControlProtocol.Problem.SIZE_BYTES - ControlProtocol.Problem.TEXT;
        int length = Math.min(text.length, most);
        Memory.putInt(out + ControlProtocol.Problem.TEXT_BYTES, length);
        Memory.put(out + ControlProtocol.Problem.TEXT, text, 0, length);
        return ControlProtocol.Problem.SIZE_BYTES;
    }

    int extents(long inode, long startBytes, long out) throws FsException {
        Memory.zero(out, ControlProtocol.Extents.SIZE_BYTES);
        int[] count = new int[1];
        boolean[] more = new boolean[1];
        volume.extents(
                inode,
                startBytes / BLOCK_BYTES,
                (logicalBlock, physicalBlock, lengthBlocks, unwritten) -> {
                    if (count[0] == ControlProtocol.Extents.MAX_COUNT) {
                        more[0] = true;
                        return false;
                    }
                    long entry =
                            out
                                    + ControlProtocol.Extents.ENTRIES
                                    + (long) count[0]++ * ControlProtocol.Extent.SIZE_BYTES;
                    Memory.putLong(
                            entry + ControlProtocol.Extent.LOGICAL, logicalBlock * BLOCK_BYTES);
                    Memory.putLong(
                            entry + ControlProtocol.Extent.PHYSICAL, physicalBlock * BLOCK_BYTES);
                    Memory.putLong(
                            entry + ControlProtocol.Extent.LENGTH, lengthBlocks * BLOCK_BYTES);
                    Memory.putInt(
                            entry + ControlProtocol.Extent.FLAGS,
                            unwritten ? ControlProtocol.Extent.FLAG_UNWRITTEN : 0);
                    return true;
                });
        Memory.putLong(out + ControlProtocol.Extents.START, startBytes);
        Memory.putInt(out + ControlProtocol.Extents.COUNT, count[0]);
        Memory.putInt(out + ControlProtocol.Extents.LAST, more[0] ? 0 : 1);
        return ControlProtocol.Extents.SIZE_BYTES;
    }
}
