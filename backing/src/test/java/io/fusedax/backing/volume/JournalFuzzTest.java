package io.fusedax.backing.volume;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.JournalHeaderLayout;
import io.fusedax.backing.format.RecordLayout;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.format.Superblock;
import io.fusedax.backing.format.TransactionLayout;
import io.fusedax.backing.region.ArrayRegion;
import java.util.Arrays;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;

/**
 * A log that holds what an input put there, under right checksums: recovery replays it or refuses
 * it and then changes nothing, and fsck brings the volume back. An input is a header, then
 * transactions of records, each as {@link Log} reads them.
 */
class JournalFuzzTest {
    private static final int LINE = 64;

    private static byte[] whole;
    private static Geometry geometry;

    @BeforeAll
    static void makeVolume() throws FsException {
        whole = FuzzVolume.images()[0];
        geometry = Superblock.readAt(new ArrayRegion(whole), 0).geometry();
    }

    @FuzzTest
    @Timeout(value = 20, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void recoverySurvivesAnyLog(byte[] bytes) throws FsException {
        byte[] image = whole.clone();
        new Log(image, new FuzzInput(bytes)).write();
        byte[] before = image.clone();
        byte[] checked = image.clone();
        try {
            Volume volume = Volume.open(new ArrayRegion(image), FuzzVolume.OPTIONS);
            volume.close();
        } catch (FsException e) {
            boolean named =
                    e.errno() != Errno.EUCLEAN || HostileRun.PLACE.matcher(e.getMessage()).find();
            assertTrue(named, e.getMessage());
            if (e.getMessage().startsWith("journal")) {
                assertArrayEquals(before, image, e.getMessage());
            }
        }
        VolumeInspector.open(new ArrayRegion(checked)).journal();
        RepairOracle.checkRepairCheck(checked, "log");
    }

    /** Writes a log that an input describes. */
    private static final class Log {
        private final byte[] image;
        private final FuzzInput input;
        private final int start = (int) (geometry.journalBlock() + 1 << Geometry.BLOCK_SHIFT);
        private final int end = (int) (geometry.firstDataBlock() << Geometry.BLOCK_SHIFT);
        private int at = start;
        private long sequence;

        Log(byte[] image, FuzzInput input) {
            this.image = image;
            this.input = input;
        }

        void write() {
            writeSlots();
            while (!input.atEnd() && at + LINE <= end) {
                writeTransaction();
            }
        }

        /** Both header slots; a first byte of 0 leaves them as they are. */
        private void writeSlots() {
            int kind = input.u8();
            int header = start - Geometry.BLOCK_BYTES;
            sequence = Bytes.getLong(image, header + JournalHeaderLayout.FIRST_SEQUENCE);
            for (int i = 0; i < JournalHeaderLayout.SLOT_COUNT; i++) {
                int offset = header + i * JournalHeaderLayout.SLOT_STRIDE_BYTES;
                byte[] slot = Arrays.copyOfRange(image, offset, offset + LINE);
                long found = Bytes.getLong(slot, JournalHeaderLayout.FIRST_SEQUENCE);
                if ((kind >> i & 1) != 0) {
                    found = input.u64();
                    Bytes.putLong(slot, JournalHeaderLayout.FIRST_SEQUENCE, found);
                    FuzzVolume.CHECKSUMS.seal(StructureType.JOURNAL_HEADER, offset, slot);
                    System.arraycopy(slot, 0, image, offset, LINE);
                }
                sequence = Math.max(sequence, found);
            }
        }

        /** One kind byte: what of the head is as it should be. */
        private void writeTransaction() {
            int kind = input.u8();
            int offset = at;
            int records = input.below(16);
            at += TransactionLayout.SIZE_BYTES;
            for (int i = 0; i < records; i++) {
                writeRecord();
            }
            int length = at - offset;
            long toldLength = (kind & 1) != 0 ? input.u16() : length;
            long toldCount = (kind & 2) != 0 ? input.u64() : records;
            long toldSequence = (kind & 4) != 0 ? sequence + (byte) input.u8() : sequence;
            boolean rightChecksum = (kind & 8) == 0;
            Arrays.fill(image, offset, offset + TransactionLayout.SIZE_BYTES, (byte) 0);
            put(offset, TransactionLayout.SEQUENCE, toldSequence);
            put(offset, TransactionLayout.LENGTH_BYTES, toldLength);
            put(offset, TransactionLayout.RECORD_COUNT, toldCount);
            seal(offset, toldLength, rightChecksum);
            sequence++;
            at = Math.min(end, at + LINE - 1 & -LINE);
        }

        private void put(int offset, int field, long value) {
            Bytes.putLong(image, offset + field, value);
        }

        private void seal(int offset, long length, boolean right) {
            Bytes.putInt(
                    image, offset + TransactionLayout.MAGIC, StructureType.TRANSACTION.magic());
            if (right && length >= TransactionLayout.SIZE_BYTES && length <= end - offset) {
                byte[] all = Arrays.copyOfRange(image, offset, offset + (int) length);
                int checksum = FuzzVolume.CHECKSUMS.of(offset, all, all.length);
                Bytes.putInt(image, offset + TransactionLayout.CHECKSUM, checksum);
            }
        }

        /** A record of a line or more of the volume, changed a little; or of anything. */
        private void writeRecord() {
            int kind = input.u8();
            long address = (kind & 1) != 0 ? input.u64() : (long) input.u16() * LINE;
            int length = (kind & 2) != 0 ? (int) input.u64() : LINE * (1 + input.below(64));
            int type = (kind & 4) != 0 ? input.u8() : RecordLayout.KIND_REDO + (kind >> 3 & 1);
            if (at + RecordLayout.SIZE_BYTES > end) {
                return;
            }
            put(at, RecordLayout.ADDRESS, address);
            Bytes.putInt(image, at + RecordLayout.LENGTH_BYTES, length);
            Bytes.putInt(image, at + RecordLayout.KIND, type);
            at += RecordLayout.SIZE_BYTES;
            if (type == RecordLayout.KIND_REDO && length > 0 && length <= end - at) {
                writeContent(address, length);
            }
        }

        private void writeContent(long address, int length) {
            if (address >= 0 && address <= whole.length - length) {
                System.arraycopy(whole, (int) address, image, at, length);
            }
            byte[] change = input.take(input.below(17));
            int into = change.length == 0 ? 0 : input.below(length);
            System.arraycopy(change, 0, image, at + into, Math.min(change.length, length - into));
            at += length;
        }
    }
}
