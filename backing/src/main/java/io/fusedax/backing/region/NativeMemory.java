package io.fusedax.backing.region;

import static org.jctools.util.UnsafeAccess.UNSAFE;

import java.nio.ByteOrder;

/**
 * Loads and stores at native addresses. Nothing is checked here: a wrong address kills the virtual
 * machine, so {@link MappedRegion} checks first. Numbers are little-endian whatever the machine.
 */
final class NativeMemory {
    private static final long BYTES_OFFSET = UNSAFE.arrayBaseOffset(byte[].class);
    private static final boolean SWAP = ByteOrder.nativeOrder() != ByteOrder.LITTLE_ENDIAN;

    /**
     * The virtual machine cannot stop a thread within one call to Unsafe, so long ones are cut into
     * such pieces.
     */
    private static final long CHUNK_BYTES = 1L << 20;

    /**
     * Source of zeros. Not Unsafe.setMemory: on JDK 17 a page without storage (SIGBUS) in it kills
     * the virtual machine.
     */
    private static final byte[] ZEROS = new byte[64 << 10];

    private static final long CANARY = 0x5EED_C0DE_FACE_B00CL;

    /** Keeps {@link #awaitFault}'s allocation from being optimized away. */
    @SuppressWarnings("unused")
    private static volatile byte[] sink;

    private NativeMemory() {}

    /** The size of a page of the machine, in bytes. */
    static int pageBytes() {
        return UNSAFE.pageSize();
    }

    static int getInt(long address) {
        int value = UNSAFE.getInt(address);
        return SWAP ? Integer.reverseBytes(value) : value;
    }

    static long getLong(long address) {
        long value = UNSAFE.getLong(address);
        return SWAP ? Long.reverseBytes(value) : value;
    }

    static void putInt(long address, int value) {
        UNSAFE.putInt(address, SWAP ? Integer.reverseBytes(value) : value);
    }

    static void putLong(long address, long value) {
        UNSAFE.putLong(address, SWAP ? Long.reverseBytes(value) : value);
    }

    static void read(long address, byte[] dst, int dstIndex, int length) {
        copyPieces(null, address, dst, BYTES_OFFSET + dstIndex, length);
    }

    static void write(long address, byte[] src, int srcIndex, int length) {
        copyPieces(src, BYTES_OFFSET + srcIndex, null, address, length);
    }

    /** As memmove(3): the ranges may overlap. */
    static void copy(long fromAddress, long toAddress, long lengthBytes) {
        if (fromAddress >= toAddress || fromAddress + lengthBytes <= toAddress) {
            copyPieces(null, fromAddress, null, toAddress, lengthBytes);
            return;
        }
        for (long left = lengthBytes; left > 0; ) {
            long piece = Math.min(left, CHUNK_BYTES);
            left -= piece;
            UNSAFE.copyMemory(fromAddress + left, toAddress + left, piece);
        }
    }

    /**
     * As {@link #copy} from a page that may have lost its storage. The virtual machine ends such a
     * copy early and says so too late. But it copies upwards, and a last word that stays what it
     * was, twice, was not copied.
     *
     * @return false if the range could not be copied as a whole
     */
    static boolean copyIfThere(long fromAddress, long toAddress, long lengthBytes) {
        try {
            for (long done = 0; done < lengthBytes; ) {
                long piece = Math.min(lengthBytes - done, CHUNK_BYTES);
                if (!copyOver(CANARY, fromAddress + done, toAddress + done, piece)
                        && !copyOver(~CANARY, fromAddress + done, toAddress + done, piece)) {
                    return false;
                }
                done += piece;
            }
            return true;
        } catch (InternalError inTime) {
            return false;
        }
    }

    private static boolean copyOver(long canary, long from, long to, long lengthBytes) {
        if (lengthBytes < Long.BYTES) {
            UNSAFE.putByte(to + lengthBytes - 1, (byte) canary);
            copyPieces(null, from, null, to, lengthBytes);
            return UNSAFE.getByte(to + lengthBytes - 1) != (byte) canary;
        }
        long last = to + lengthBytes - Long.BYTES;
        UNSAFE.putLong(last, canary);
        copyPieces(null, from, null, to, lengthBytes);
        return UNSAFE.getLong(last) != canary;
    }

    /**
     * Has the virtual machine throw here what it owes this thread since an access failed, so that
     * it does not hit something else: it does so when it is entered, as for an array that is too
     * large for the thread's own heap.
     */
    static void awaitFault() {
        try {
            sink = new byte[8 << 20];
        } catch (InternalError owed) {
            sink = null; // the caller tells
        }
        sink = null;
    }

    static void zero(long address, long lengthBytes) {
        for (long done = 0; done < lengthBytes; ) {
            int piece = (int) Math.min(lengthBytes - done, ZEROS.length);
            write(address + done, ZEROS, 0, piece);
            done += piece;
        }
    }

    private static void copyPieces(
            Object from, long fromOffset, Object to, long toOffset, long lengthBytes) {
        for (long done = 0; done < lengthBytes; ) {
            long piece = Math.min(lengthBytes - done, CHUNK_BYTES);
            UNSAFE.copyMemory(from, fromOffset + done, to, toOffset + done, piece);
            done += piece;
        }
    }
}
