package io.fusedax.backing.volume;

/**
 * A set of attribute changes for {@link Volume#setattr}; only what {@link #valid} names is changed.
 * Mutable and reusable: {@link #clear()} between uses.
 */
public final class SetAttributes {
    public static final int MODE = 1;
    public static final int UID = 1 << 1;
    public static final int GID = 1 << 2;
    public static final int SIZE = 1 << 3;
    public static final int ATIME = 1 << 4;
    public static final int MTIME = 1 << 5;

    /** Take the access time from the volume's clock (UTIME_NOW); implies {@link #ATIME}. */
    public static final int ATIME_NOW = 1 << 6;

    /** Take the modification time from the volume's clock (UTIME_NOW); implies {@link #MTIME}. */
    public static final int MTIME_NOW = 1 << 7;

    /** Bit set of the constants above. */
    public int valid;

    public int mode;
    public int uid;
    public int gid;
    public long sizeBytes;
    public long atimeSeconds;
    public int atimeNanos;
    public long mtimeSeconds;
    public int mtimeNanos;

    /** Forgets all changes. */
    public SetAttributes clear() {
        valid = 0;
        return this;
    }

    public SetAttributes mode(int newMode) {
        mode = newMode;
        valid |= MODE;
        return this;
    }

    public SetAttributes uid(int newUid) {
        uid = newUid;
        valid |= UID;
        return this;
    }

    public SetAttributes gid(int newGid) {
        gid = newGid;
        valid |= GID;
        return this;
    }

    public SetAttributes size(long newSizeBytes) {
        sizeBytes = newSizeBytes;
        valid |= SIZE;
        return this;
    }

    public SetAttributes atime(long seconds, int nanos) {
        atimeSeconds = seconds;
        atimeNanos = nanos;
        valid |= ATIME;
        return this;
    }

    public SetAttributes mtime(long seconds, int nanos) {
        mtimeSeconds = seconds;
        mtimeNanos = nanos;
        valid |= MTIME;
        return this;
    }

    /** Both times from the volume's clock. */
    public SetAttributes timesNow() {
        valid |= ATIME | MTIME | ATIME_NOW | MTIME_NOW;
        return this;
    }
}
