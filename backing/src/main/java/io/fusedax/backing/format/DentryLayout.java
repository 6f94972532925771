package io.fusedax.backing.format;

/** One entry of a directory leaf, 8-byte aligned. See FORMAT.md, "Directory leaf". */
public final class DentryLayout {
    public static final int KEY = 0; // u64, hash of the name and ordinal
    public static final int INODE = KEY + Long.BYTES; // u64, 0: deleted
    public static final int NAME_LENGTH = INODE + Long.BYTES; // u8, 1..255
    public static final int TYPE = NAME_LENGTH + Byte.BYTES; // u8, DT_*
    public static final int NAME = TYPE + Byte.BYTES; // bytes, padded with zeros to 8

    /** Bytes a dentry with this name takes. */
    public static int sizeBytes(int nameLength) {
        return (NAME + nameLength + 7) & ~7;
    }

    private DentryLayout() {}
}
