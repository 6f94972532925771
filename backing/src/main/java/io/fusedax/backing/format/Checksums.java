package io.fusedax.backing.format;

import java.util.HexFormat;
import java.util.UUID;
import java.util.zip.CRC32C;

/**
 * CRC32C of a structure, bound to its volume and its place: computed over the volume's UUID, the
 * structure's byte offset in the region, and its bytes without the checksum field. A block of
 * another volume, or one that was moved, does not verify.
 */
public final class Checksums {
    private final byte[] uuidBytes = new byte[16];

    public Checksums(UUID uuid) {
        Bytes.putLong(uuidBytes, 0, Long.reverseBytes(uuid.getMostSignificantBits()));
        Bytes.putLong(uuidBytes, 8, Long.reverseBytes(uuid.getLeastSignificantBits()));
    }

    /** Starts a checksum for a structure at the given byte offset in the region. */
    public CRC32C start(long regionOffset) {
        byte[] seed = new byte[24];
        System.arraycopy(uuidBytes, 0, seed, 0, 16);
        Bytes.putLong(seed, 16, regionOffset);
        CRC32C crc = new CRC32C();
        crc.update(seed, 0, seed.length);
        return crc;
    }

    /** The checksum that belongs into the structure held in {@code bytes[0, lengthBytes)}. */
    public int of(long regionOffset, byte[] bytes, int lengthBytes) {
        CRC32C crc = start(regionOffset);
        crc.update(bytes, 0, StructureType.CHECKSUM_OFFSET);
        int rest = StructureType.CHECKSUM_OFFSET + Integer.BYTES;
        crc.update(bytes, rest, lengthBytes - rest);
        return (int) crc.getValue();
    }

    /** Stores magic and checksum. */
    public void seal(StructureType type, long regionOffset, byte[] bytes) {
        Bytes.putInt(bytes, StructureType.MAGIC_OFFSET, type.magic());
        Bytes.putInt(
                bytes, StructureType.CHECKSUM_OFFSET, of(regionOffset, bytes, type.sizeBytes()));
    }

    /** Why the structure is not believed, or null when magic and checksum are right. */
    public String problem(StructureType type, long regionOffset, byte[] bytes) {
        int magic = Bytes.getInt(bytes, StructureType.MAGIC_OFFSET);
        if (magic != type.magic()) {
            return "magic " + hex(magic) + ", expected " + hex(type.magic());
        }
        int stored = Bytes.getInt(bytes, StructureType.CHECKSUM_OFFSET);
        int computed = of(regionOffset, bytes, type.sizeBytes());
        if (stored != computed) {
            return "checksum " + hex(stored) + ", computed " + hex(computed);
        }
        return null;
    }

    /** A check meets thousands of places that hold no structure: faster than a format string. */
    private static String hex(int value) {
        return "0x" + HexFormat.of().toHexDigits(value);
    }
}
