package io.fusedax.backing.format;

/**
 * Kinds of checksummed structures on media. The magic's fourth byte is the structure's version.
 * Every structure starts with u32 magic and u32 checksum.
 */
public enum StructureType {
    SUPERBLOCK("superblock", 'S', SuperblockLayout.SIZE_BYTES),
    VOLUME_STATE("volume state", 'V', VolumeStateLayout.SIZE_BYTES),
    MOUNT_STATE("mount state", 'M', MountStateLayout.SIZE_BYTES),
    GROUP("block group", 'G', GroupLayout.SIZE_BYTES),
    INODE("inode", 'I', InodeLayout.SIZE_BYTES),
    RECORD_NODE("record tree node", 'N', RecordNodeLayout.SIZE_BYTES),
    DIRECTORY_LEAF("directory leaf", 'D', DirectoryLeafLayout.SIZE_BYTES),
    XATTR_BLOCK("xattr block", 'X', XattrBlockLayout.SIZE_BYTES),
    JOURNAL_HEADER("journal header", 'J', JournalHeaderLayout.SIZE_BYTES),
    TRANSACTION("journal transaction", 'T', TransactionLayout.SIZE_BYTES);

    /** Offset of the magic in every structure. */
    public static final int MAGIC_OFFSET = 0;

    /** Offset of the checksum in every structure. */
    public static final int CHECKSUM_OFFSET = 4;

    private final String title;
    private final int magic;
    private final int sizeBytes;

    StructureType(String title, char letter, int sizeBytes) {
        this.title = title;
        this.magic = 'F' | 'D' << 8 | letter << 16 | '1' << 24;
        this.sizeBytes = sizeBytes;
    }

    /** Name in messages. */
    public String title() {
        return title;
    }

    /** Little-endian "FD", a letter, and the version digit. */
    public int magic() {
        return magic;
    }

    /** Size in bytes; for a transaction that of its head. */
    public int sizeBytes() {
        return sizeBytes;
    }
}
