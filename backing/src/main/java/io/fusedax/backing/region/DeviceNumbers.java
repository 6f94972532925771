package io.fusedax.backing.region;

/** The two halves of a dev_t as glibc lays it out. */
public final class DeviceNumbers {
    private DeviceNumbers() {}

    static long major(long device) {
        return (device >>> 8 & 0xfff) | (device >>> 32 & 0xfffff000L);
    }

    static long minor(long device) {
        return (device & 0xff) | (device >>> 12 & 0xffffff00L);
    }

    /** As sysfs names devices: {@code MAJOR:MINOR}. */
    public static String toString(long device) {
        return major(device) + ":" + minor(device);
    }
}
