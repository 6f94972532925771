package io.fusedax.mount;

/** Which files are DAX: the option {@code dax}. */
public enum DaxMode {
    ALWAYS,
    /** Those with the flag FS_XFLAG_DAX. */
    INODE,
    NEVER
}
