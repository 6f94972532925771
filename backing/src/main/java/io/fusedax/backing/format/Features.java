package io.fusedax.backing.format;

/** Feature bits, with the meaning ext4 gives the three words. See FORMAT.md, "Superblock". */
public final class Features {
    /** Compatible: an implementation that does not know the bit may ignore it. */
    public static final int COMPAT_SUPPORTED = 0;

    /** Incompatible, set on every volume: format 1 as described in FORMAT.md. */
    public static final int INCOMPAT_FORMAT_1 = 1;

    /** Bits that this implementation can mount; any other refuses the mount. */
    public static final int INCOMPAT_SUPPORTED = INCOMPAT_FORMAT_1;

    /** Bits that this implementation can write; any other allows a read-only mount only. */
    public static final int RO_COMPAT_SUPPORTED = 0;

    private Features() {}
}
