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
