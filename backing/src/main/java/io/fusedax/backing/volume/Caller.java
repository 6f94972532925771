package io.fusedax.backing.volume;

/**
 * On whose behalf a call is made: owner of what it creates, and whether set-id bits survive.
 * Permissions proper are the kernel's to check (default_permissions).
 */
public record Caller(int uid, int gid) {
    /** uid 0, gid 0: keeps set-id bits (CAP_FSETID). */
    public static final Caller ROOT = new Caller(0, 0);

    boolean privileged() {
        return uid == 0;
    }
}
