package io.fusedax.backing.volume;

/** Receives the entries of a directory in cookie order. */
@FunctionalInterface
public interface DirectoryVisitor {
    /**
     * One entry. The name is only valid during the call.
     *
     * @param name array that holds the name's bytes
     * @param nameOffset index of the first byte
     * @param nameLength length in bytes, 1..255
     * @param inode inode number
     * @param type file type as in d_type (DT_REG 8, DT_DIR 4, ...)
     * @param nextCookie pass this to {@link Volume#readdir} to go on after this entry; stable while
     *     the directory changes, positive
     * @return false to stop before this entry (it is then delivered again for the previous cookie)
     */
    boolean entry(
            byte[] name, int nameOffset, int nameLength, long inode, int type, long nextCookie);
}
