package io.fusedax.backing.region;

/** The memory of a caller that file data is copied from or to: native memory or an array. */
public final class UserBuffer {
    private final byte[] array;
    private long origin;

    private UserBuffer(byte[] array, long origin) {
        this.array = array;
        this.origin = origin;
    }

    /** An array from the given index on. */
    public static UserBuffer of(byte[] array, int offset) {
        return new UserBuffer(array, offset);
    }

    /** Native memory that {@link #moveTo} names, for reuse by one thread. */
    public static UserBuffer reusable() {
        return new UserBuffer(null, 0);
    }

    /** Makes a {@link #reusable} buffer that of an address; the caller vouches for its length. */
    public UserBuffer moveTo(long nativeAddress) {
        if (array != null) {
            throw new IllegalStateException("an array stays where it is");
        }
        origin = nativeAddress;
        return this;
    }

    /** The same memory from a later position on. */
    public UserBuffer from(long position) {
        return new UserBuffer(array, origin + position);
    }

    /** Region to buffer. */
    public void load(Region region, long regionOffset, long position, int length) {
        if (array == null) {
            region.readTo(regionOffset, origin + position, length);
        } else {
            region.read(regionOffset, array, (int) (origin + position), length);
        }
    }

    /** Buffer to region. */
    public void store(Region region, long regionOffset, long position, int length) {
        if (array == null) {
            region.writeFrom(regionOffset, origin + position, length);
        } else {
            region.write(regionOffset, array, (int) (origin + position), length);
        }
    }

    /** Stores zeros into the buffer. */
    public void zero(long position, int length) {
        if (array == null) {
            NativeMemory.zero(origin + position, length);
        } else {
            int from = (int) (origin + position);
            java.util.Arrays.fill(array, from, from + length, (byte) 0);
        }
    }
}
