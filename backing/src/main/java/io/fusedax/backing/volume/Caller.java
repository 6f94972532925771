package io.fusedax.backing.volume;

/**
 * On whose behalf a call is made: owner of what it creates, and whether set-id bits survive.
 * Permissions proper are the kernel's to check (default_permissions).
 *
 * @param umask taken from the mode of what is made, unless the directory has a default ACL; 0 if
 *     applied already
 */
public record Caller(int uid, int gid, int umask) {
    /** uid 0, gid 0: keeps set-id bits (CAP_FSETID). */
    public static final Caller ROOT = new Caller(0, 0);

    /** A caller whose umask is applied already. */
    public Caller(int uid, int gid) {
        this(uid, gid, 0);
    }

    boolean privileged() {
        return uid == 0;
    }
}
