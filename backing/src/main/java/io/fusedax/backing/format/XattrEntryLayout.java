package io.fusedax.backing.format;

/** One extended attribute, 8-byte aligned. See FORMAT.md, "Extended attributes". */
public final class XattrEntryLayout {
    public static final int VALUE_LENGTH = 0; // u32, 0..65536
    public static final int VALUE_CHECKSUM = VALUE_LENGTH + Integer.BYTES; // u32, external only
    public static final int NAME_LENGTH = VALUE_CHECKSUM + Integer.BYTES; // u8, 1..255
    public static final int EXTENT_COUNT = NAME_LENGTH + Byte.BYTES; // u8, 0: value is inline
    public static final int NAME = EXTENT_COUNT + Byte.BYTES; // full name, then value or extents

    /** Bytes before the value or the extents, which start 8-byte aligned. */
    public static int headBytes(int nameLength) {
        return (NAME + nameLength + 7) & ~7;
    }

    private XattrEntryLayout() {}
}
