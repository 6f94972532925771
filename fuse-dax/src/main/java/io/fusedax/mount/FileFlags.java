package io.fusedax.mount;

/**
 * The two forms of inode flags: FS_*_FL, as the volume keeps them (FS_IOC_GETFLAGS), and
 * FS_XFLAG_*, as struct fsxattr has them (FS_IOC_FSGETXATTR).
 */
final class FileFlags {
    static final int XFLAG_DAX = 0x8000;
    static final int FL_DAX = 0x02000000;

    /** Pairs of a flag's first and second form. */
    private static final int[][] PAIRS = {
        {0x00000008, 0x0020}, // SYNC
        {0x00000010, 0x0008}, // IMMUTABLE
        {0x00000020, 0x0010}, // APPEND
        {0x00000040, 0x0080}, // NODUMP
        {0x00000080, 0x0040}, // NOATIME
        {0x20000000, 0x0200}, // PROJINHERIT
        {FL_DAX, XFLAG_DAX},
    };

    /** Says that the inode has extended attributes; never set by a caller. */
    private static final int XFLAG_HASATTR = 0x80000000;

    private FileFlags() {}

    static int toExtended(int flags) {
        int extended = 0;
        for (int[] pair : PAIRS) {
            if ((flags & pair[0]) != 0) {
                extended |= pair[1];
            }
        }
        return extended;
    }

    /**
     * The flags after an FS_IOC_FSSETXATTR.
     *
     * @param current those before; the ones that have no second form stay
     * @return the new flags, or -1 if {@code extended} has a flag that is not supported
     */
    static int fromExtended(int extended, int current) {
        int flags = current;
        int rest = extended & ~XFLAG_HASATTR;
        for (int[] pair : PAIRS) {
            flags = (extended & pair[1]) != 0 ? flags | pair[0] : flags & ~pair[0];
            rest &= ~pair[1];
        }
        return rest == 0 ? flags : -1;
    }
}
