package io.fusedax.mount;

import io.fusedax.backing.FsException;
import io.fusedax.backing.volume.Volume;

/** Native transport: requests that take names away or move them, and symbolic links' targets. */
final class NameRequests {
    private final MountState state;
    private final Volume volume;

    NameRequests(MountState state) {
        this.state = state;
        this.volume = state.volume;
    }

    int readlink(RequestContext request) throws FsException {
        byte[] target = volume.readlink(EntryRequests.inode(state, request.nodeId()));
        Memory.put(request.replyBody, target, 0, target.length);
        return target.length;
    }

    int unlink(RequestContext request) throws FsException {
        return remove(request, false);
    }

    int rmdir(RequestContext request) throws FsException {
        return remove(request, true);
    }

    private int remove(RequestContext request, boolean directory) throws FsException {
        long parent = EntryRequests.directory(state, request);
        PathWalker.Name name = request.name;
        PathWalker.lastComponent(request.requestBody, name);
        long victim = acquire(parent, name);
        try {
            if (directory) {
                volume.rmdir(parent, name.bytes, 0, name.length);
            } else {
                volume.unlink(parent, name.bytes, 0, name.length);
            }
        } finally {
            settle(request, victim);
        }
        return 0;
    }

    int rename(RequestContext request) throws FsException {
        return rename(request, RequestLayout.Rename.SIZE_BYTES, 0);
    }

    int rename2(RequestContext request) throws FsException {
        int flags = Memory.getInt(request.requestBody + RequestLayout.Rename2.FLAGS);
        return rename(request, RequestLayout.Rename2.SIZE_BYTES, flags);
    }

    private int rename(RequestContext request, int namesAt, int flags) throws FsException {
        long body = request.requestBody;
        PathWalker.Name oldName = request.name;
        PathWalker.Name newName = request.otherName;
        long oldParent = EntryRequests.directory(state, request);
        long newParent =
                EntryRequests.inode(
                        state, Memory.getLong(body + RequestLayout.Rename.NEW_DIRECTORY));
        PathWalker.lastComponent(body + namesAt, oldName);
        PathWalker.lastComponent(Memory.afterString(body + namesAt), newName);
        long victim = acquire(newParent, newName);
        try {
            volume.rename(
                    oldParent,
                    oldName.bytes,
                    0,
                    oldName.length,
                    newParent,
                    newName.bytes,
                    0,
                    newName.length,
                    flags);
        } finally {
            settle(request, victim);
        }
        return 0;
    }

    /**
     * The inode of a name that may be about to go; held, so that it outlives the name. 0: none. The
     * kernel holds the directory's lock, so the name means the same until the reply.
     */
    private long acquire(long parent, PathWalker.Name name) throws FsException {
        long victim = volume.lookup(parent, name.bytes, 0, name.length);
        if (victim != 0) {
            volume.acquire(victim);
        }
        return victim;
    }

    private void settle(RequestContext request, long victim) throws FsException {
        if (victim != 0) {
            boolean nameless = true; // held until the last forget, should it not be told
            try {
                volume.getattr(victim, request.attributes);
                nameless = request.attributes.linkCount == 0;
            } finally {
                state.lookups.removed(victim, nameless);
            }
        }
    }
}
