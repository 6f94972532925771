package io.fusedax.backing.format;

import io.fusedax.backing.FsException;
import io.fusedax.backing.region.Region;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.UUID;
import jnr.constants.platform.Errno;

/**
 * What a superblock says.
 *
 * @param geometry where everything is
 * @param label name given by the user
 * @param featureCompat see {@link Features}
 * @param featureIncompat see {@link Features}
 * @param featureRoCompat see {@link Features}
 * @param createdSeconds time of mkfs, seconds since the epoch
 */
public record Superblock(
        Geometry geometry,
        String label,
        int featureCompat,
        int featureIncompat,
        int featureRoCompat,
        long createdSeconds) {

    private static final int LABEL_BYTES = SuperblockLayout.RESERVED - SuperblockLayout.LABEL;

    /**
     * Reads the primary.
     *
     * @throws FsException EUCLEAN when it is damaged, telling whether the backup is good; EINVAL
     *     when there is no volume, or one that this program does not understand
     */
    public static Superblock read(Region region) throws FsException {
        FsException primary;
        try {
            return readAt(region, SuperblockLayout.PRIMARY_OFFSET);
        } catch (FsException e) {
            primary = e;
        }
        long backupOffset = region.sizeBytes() - Geometry.BLOCK_BYTES;
        try {
            readAt(region, backupOffset);
        } catch (FsException e) {
            throw new FsException(
                    primary.errno(),
                    region.description()
                            + ": "
                            + primary.getMessage()
                            + "; no valid backup at offset "
                            + backupOffset);
        }
        throw new FsException(
                Errno.EUCLEAN,
                region.description()
                        + ": "
                        + primary.getMessage()
                        + "; the backup at offset "
                        + backupOffset
                        + " is valid: fsck can restore it");
    }

    /**
     * Reads the superblock at a byte offset of the region.
     *
     * @throws FsException EINVAL when there is none, or with unknown features; EUCLEAN when it is
     *     damaged
     */
    public static Superblock readAt(Region region, long offset) throws FsException {
        byte[] bytes = new byte[SuperblockLayout.SIZE_BYTES];
        region.read(offset, bytes, 0, bytes.length);
        int magic = Bytes.getInt(bytes, SuperblockLayout.MAGIC);
        if (magic != StructureType.SUPERBLOCK.magic()) {
            throw new FsException(
                    Errno.EINVAL,
                    String.format(
                            "superblock at offset %d: magic 0x%08x, no volume", offset, magic));
        }
        UUID uuid = getUuid(bytes);
        String problem = new Checksums(uuid).problem(StructureType.SUPERBLOCK, offset, bytes);
        if (problem != null) {
            throw new FsException(Errno.EUCLEAN, "superblock at offset " + offset + ": " + problem);
        }
        Superblock superblock = parse(bytes, uuid);
        superblock.check(region, offset, Bytes.getInt(bytes, SuperblockLayout.BLOCK_SIZE_BYTES));
        return superblock;
    }

    private static Superblock parse(byte[] bytes, UUID uuid) {
        Geometry geometry =
                new Geometry(
                        uuid,
                        Bytes.getLong(bytes, SuperblockLayout.TOTAL_BLOCKS),
                        Bytes.getLong(bytes, SuperblockLayout.GROUP_TABLE_BLOCK),
                        Bytes.getLong(bytes, SuperblockLayout.GROUP_COUNT),
                        Bytes.getLong(bytes, SuperblockLayout.JOURNAL_BLOCK),
                        Bytes.getLong(bytes, SuperblockLayout.JOURNAL_LENGTH_BLOCKS),
                        Bytes.getLong(bytes, SuperblockLayout.FIRST_DATA_BLOCK),
                        Bytes.getLong(bytes, SuperblockLayout.HASH_SEED_LOW),
                        Bytes.getLong(bytes, SuperblockLayout.HASH_SEED_HIGH));
        int end = SuperblockLayout.LABEL;
        while (end < SuperblockLayout.RESERVED && bytes[end] != 0) {
            end++;
        }
        String label =
                new String(
                        bytes,
                        SuperblockLayout.LABEL,
                        end - SuperblockLayout.LABEL,
                        StandardCharsets.UTF_8);
        return new Superblock(
                geometry,
                label,
                Bytes.getInt(bytes, SuperblockLayout.FEATURE_COMPAT),
                Bytes.getInt(bytes, SuperblockLayout.FEATURE_INCOMPAT),
                Bytes.getInt(bytes, SuperblockLayout.FEATURE_RO_COMPAT),
                Bytes.getLong(bytes, SuperblockLayout.CREATED_SECONDS));
    }

    private void check(Region region, long offset, int blockSizeBytes) throws FsException {
        int unknown = featureIncompat & ~Features.INCOMPAT_SUPPORTED;
        if (unknown != 0 || (featureIncompat & Features.INCOMPAT_FORMAT_1) == 0) {
            throw new FsException(
                    Errno.EINVAL,
                    String.format(
                            "superblock at offset %d: incompatible features 0x%x: made by another"
                                    + " version of fuse-dax",
                            offset, featureIncompat));
        }
        if (geometry.totalBlocks() > region.sizeBytes() >>> Geometry.BLOCK_SHIFT) {
            throw new FsException(
                    Errno.EUCLEAN,
                    "superblock at offset "
                            + offset
                            + ": volume of "
                            + geometry.totalBlocks()
                            + " blocks in a region of "
                            + region.sizeBytes()
                            + " bytes: truncated?");
        }
        if (blockSizeBytes != Geometry.BLOCK_BYTES || !geometry.plausible(region.sizeBytes())) {
            throw new FsException(
                    Errno.EUCLEAN, "superblock at offset " + offset + ": impossible geometry");
        }
    }

    /** Whether features call for a read-only mount. */
    public boolean needsReadOnly() {
        return (featureRoCompat & ~Features.RO_COMPAT_SUPPORTED) != 0;
    }

    /** The bytes of this superblock for a place in the region. */
    public byte[] toBytes(long offset) {
        byte[] bytes = new byte[SuperblockLayout.SIZE_BYTES];
        UUID uuid = geometry.uuid();
        Bytes.putLong(
                bytes, SuperblockLayout.UUID, Long.reverseBytes(uuid.getMostSignificantBits()));
        Bytes.putLong(
                bytes,
                SuperblockLayout.UUID + Long.BYTES,
                Long.reverseBytes(uuid.getLeastSignificantBits()));
        Bytes.putInt(bytes, SuperblockLayout.FEATURE_COMPAT, featureCompat);
        Bytes.putInt(bytes, SuperblockLayout.FEATURE_INCOMPAT, featureIncompat);
        Bytes.putInt(bytes, SuperblockLayout.FEATURE_RO_COMPAT, featureRoCompat);
        Bytes.putInt(bytes, SuperblockLayout.BLOCK_SIZE_BYTES, Geometry.BLOCK_BYTES);
        Bytes.putLong(bytes, SuperblockLayout.TOTAL_BLOCKS, geometry.totalBlocks());
        Bytes.putLong(bytes, SuperblockLayout.GROUP_TABLE_BLOCK, geometry.groupTableBlock());
        Bytes.putLong(bytes, SuperblockLayout.GROUP_COUNT, geometry.groupCount());
        Bytes.putLong(bytes, SuperblockLayout.JOURNAL_BLOCK, geometry.journalBlock());
        Bytes.putLong(
                bytes, SuperblockLayout.JOURNAL_LENGTH_BLOCKS, geometry.journalLengthBlocks());
        Bytes.putLong(bytes, SuperblockLayout.FIRST_DATA_BLOCK, geometry.firstDataBlock());
        Bytes.putLong(bytes, SuperblockLayout.HASH_SEED_LOW, geometry.hashSeedLow());
        Bytes.putLong(bytes, SuperblockLayout.HASH_SEED_HIGH, geometry.hashSeedHigh());
        Bytes.putLong(bytes, SuperblockLayout.CREATED_SECONDS, createdSeconds);
        byte[] labelBytes = label.getBytes(StandardCharsets.UTF_8);
        System.arraycopy(
                labelBytes,
                0,
                bytes,
                SuperblockLayout.LABEL,
                Math.min(labelBytes.length, LABEL_BYTES));
        new Checksums(uuid).seal(StructureType.SUPERBLOCK, offset, bytes);
        return bytes;
    }

    /**
     * @throws FsException EINVAL when the label does not fit
     */
    public static void checkLabel(String label) throws FsException {
        if (label.getBytes(StandardCharsets.UTF_8).length > LABEL_BYTES) {
            throw new FsException(
                    Errno.EINVAL, "label \"" + label + "\": longer than " + LABEL_BYTES + " bytes");
        }
    }

    private static UUID getUuid(byte[] bytes) {
        byte[] uuid = Arrays.copyOfRange(bytes, SuperblockLayout.UUID, SuperblockLayout.UUID + 16);
        return new UUID(
                Long.reverseBytes(Bytes.getLong(uuid, 0)),
                Long.reverseBytes(Bytes.getLong(uuid, 8)));
    }
}
