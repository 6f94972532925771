package io.fusedax.mount;

import com.kenai.jffi.MemoryIO;

/** Loads and stores in native memory by address, unchecked: requests, replies, C structures. */
final class Memory {
    private static final MemoryIO IO = MemoryIO.getInstance();

    private Memory() {}

    static byte getByte(long address) {
        return IO.getByte(address);
    }

    static int getInt(long address) {
        return IO.getInt(address);
    }

    static long getLong(long address) {
        return IO.getLong(address);
    }

    static void putByte(long address, byte value) {
        IO.putByte(address, value);
    }

    static void putShort(long address, short value) {
        IO.putShort(address, value);
    }

    static void putInt(long address, int value) {
        IO.putInt(address, value);
    }

    static void putLong(long address, long value) {
        IO.putLong(address, value);
    }

    static void get(long address, byte[] dst, int dstOffset, int length) {
        IO.getByteArray(address, dst, dstOffset, length);
    }

    static void put(long address, byte[] src, int srcOffset, int length) {
        IO.putByteArray(address, src, srcOffset, length);
    }

    static void zero(long address, long length) {
        IO.setMemory(address, length, (byte) 0);
    }

    static void copy(long from, long to, long length) {
        IO.memcpy(to, from, length);
    }

    /** A C string, without its NUL. */
    static byte[] getString(long address) {
        return IO.getZeroTerminatedByteArray(address);
    }

    /** The address just after a C string's NUL. */
    static long afterString(long address) {
        return address + IO.getStringLength(address) + 1;
    }

    /** Zeroed memory that {@link #free} gives back. */
    static long allocate(long sizeBytes) {
        long address = IO.allocateMemory(sizeBytes, true);
        if (address == 0) {
            throw new OutOfMemoryError("native memory, bytes=" + sizeBytes);
        }
        return address;
    }

    static void free(long address) {
        IO.freeMemory(address);
    }
}
