package io.fusedax.mount;

import io.fusedax.backing.FsException;

/**
 * jnr-fuse transport: answers LOOKUPs of names that are absent: half of all lookups, one before
 * each create. One that is there gets a node id, which only libfuse can deal out.
 */
final class LookupRequests {
    private final MountState state;

    LookupRequests(MountState state) {
        this.state = state;
    }

    int lookup(RequestContext request) throws FsException {
        long directory = state.nodes.inodeOf(request.nodeId());
        long name = request.requestBody;
        if (directory == 0 || isDots(name)) {
            return RequestHandler.PASS_ON;
        }
        PathWalker.lastComponent(name, request.name);
        long inode = state.volume.lookup(directory, request.name.bytes, 0, request.name.length);
        if (inode != 0) {
            request.found = inode;
            return RequestHandler.PASS_ON;
        }
        return tellAbsence(state, request);
    }

    /** Puts the reply that there is no such name, which the kernel may remember. */
    static int tellAbsence(MountState state, RequestContext request) {
        CachePolicy policy = state.cachePolicy;
        long reply = request.replyBody;
        Memory.zero(reply, ReplyLayout.Entry.SIZE_BYTES); // node id 0: absent
        Memory.putLong(reply + ReplyLayout.Entry.ENTRY_VALID_SECONDS, policy.absenceSeconds());
        Memory.putInt(reply + ReplyLayout.Entry.ENTRY_VALID_NANOS, policy.absenceNanos());
        return ReplyLayout.Entry.SIZE_BYTES;
    }

    /** "." and "..", which libfuse translates. */
    static boolean isDots(long name) {
        return Memory.getByte(name) == '.'
                && (Memory.getByte(name + 1) == 0
                        || Memory.getByte(name + 1) == '.' && Memory.getByte(name + 2) == 0);
    }
}
