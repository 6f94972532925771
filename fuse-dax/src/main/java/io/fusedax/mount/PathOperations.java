package io.fusedax.mount;

import io.fusedax.backing.FsException;
import io.fusedax.backing.volume.SetAttributes;
import io.fusedax.backing.volume.Volume;
import jnr.constants.platform.Errno;

/**
 * The jnr-fuse callbacks that name files by path. Arguments are C's, addresses as longs; each
 * returns 0 or -errno. They run on request threads, inside fuse_session_process, so the request
 * that libfuse is carrying out is at hand: the node ids in it mostly save walking the path.
 */
final class PathOperations {
    private static final int S_IFMT = 0170000;
    private static final int S_IFREG = 0100000;

    private final MountState state;
    private final Volume volume;
    private final FileOpener opener;

    PathOperations(MountState state, FileOpener opener) {
        this.state = state;
        this.opener = opener;
        this.volume = state.volume;
    }

    private static RequestContext request() {
        return RequestLoop.current();
    }

    /** The inode of the node that a request is about; ENOENT when the path leads nowhere. */
    static long self(MountState state, RequestContext request, long path) throws FsException {
        long known = state.nodes.inodeOf(request.nodeId());
        if (known != 0) {
            return known;
        }
        long inode = request.walker.resolve(path);
        if (inode == 0) {
            throw new FsException(Errno.ENOENT, "path not found");
        }
        state.knownNodes.learn(request.nodeId(), inode);
        return inode;
    }

    /** The directory of a path whose last component is taken out; its node is known to libfuse. */
    private long parent(RequestContext request, long nodeId, long path, PathWalker.Name last)
            throws FsException {
        long known = state.nodes.inodeOf(nodeId);
        if (known != 0) {
            PathWalker.lastComponent(path, last);
            return known;
        }
        long inode = request.walker.resolveParent(path, last);
        state.knownNodes.learn(nodeId, inode);
        return inode;
    }

    private long parent(RequestContext request, long path) throws FsException {
        return parent(request, request.nodeId(), path, request.name);
    }

    // ---- attributes

    int getattr(long path, long stat) {
        try {
            RequestContext request = request();
            long inode = request.remembered(path);
            if (inode == 0) {
                inode = find(request, path);
            }
            if (inode == 0) {
                return state.errors.toReply(Errno.ENOENT);
            }
            volume.getattr(inode, request.attributes);
            Attributes.putStat(stat, request.attributes);
            return 0;
        } catch (Throwable failure) {
            return state.errors.toReply("getattr", failure);
        }
    }

    /** What getattr's path means: a LOOKUP's is a name in the request's node, others' the node. */
    private long find(RequestContext request, long path) throws FsException {
        if (request.opcode() != FuseOpcode.LOOKUP) {
            return self(state, request, path);
        }
        if (request.found != 0) {
            return request.found;
        }
        if (LookupRequests.isDots(request.requestBody)) {
            return request.walker.resolve(path); // libfuse's path is the directory's itself
        }
        long directory = parent(request, path);
        return volume.lookup(directory, request.name.bytes, 0, request.name.length);
    }

    int fgetattr(long path, long stat, long fileInfo) {
        try {
            RequestContext request = request();
            OpenHandle handle = state.handle(FileInfo.handle(fileInfo));
            volume.getattr(handle.inode, request.attributes);
            Attributes.putStat(stat, request.attributes);
            return 0;
        } catch (Throwable failure) {
            return state.errors.toReply("fgetattr", failure);
        }
    }

    int chmod(long path, long mode) {
        return change("chmod", path, request().changes.clear().mode((int) mode));
    }

    int chown(long path, long uid, long gid) {
        SetAttributes changes = request().changes.clear();
        if ((int) uid != -1) {
            changes.uid((int) uid);
        }
        if ((int) gid != -1) {
            changes.gid((int) gid);
        }
        return change("chown", path, changes);
    }

    int truncate(long path, long sizeBytes) {
        return change("truncate", path, request().changes.clear().size(sizeBytes));
    }

    int utimens(long path, long times) {
        SetAttributes changes = request().changes.clear();
        long seconds = Memory.getLong(times);
        long nanos = Memory.getLong(times + 8);
        if (nanos == TimeSpec.NOW) {
            changes.valid |= SetAttributes.ATIME | SetAttributes.ATIME_NOW;
        } else if (nanos != TimeSpec.OMIT) {
            changes.atime(seconds, (int) nanos);
        }
        seconds = Memory.getLong(times + 16);
        nanos = Memory.getLong(times + 24);
        if (nanos == TimeSpec.NOW) {
            changes.valid |= SetAttributes.MTIME | SetAttributes.MTIME_NOW;
        } else if (nanos != TimeSpec.OMIT) {
            changes.mtime(seconds, (int) nanos);
        }
        return change("utimens", path, changes);
    }

    private int change(String operation, long path, SetAttributes changes) {
        try {
            RequestContext request = request();
            long inode = self(state, request, path);
            NodeRequests.setattr(
                    state, inode, changes, NodeRequests.setattrCaller(request), request.attributes);
            return 0;
        } catch (Throwable failure) {
            return state.errors.toReply(operation, failure);
        }
    }

    int readlink(long path, long buffer, long sizeBytes) {
        try {
            byte[] target = volume.readlink(self(state, request(), path));
            int length = (int) Math.min(target.length, sizeBytes - 1);
            Memory.put(buffer, target, 0, length);
            Memory.putByte(buffer + length, (byte) 0);
            return 0;
        } catch (Throwable failure) {
            return state.errors.toReply("readlink", failure);
        }
    }

    // ---- names

    int mknod(long path, long mode, long rdev) {
        try {
            RequestContext request = request();
            long directory = parent(request, path);
            PathWalker.Name name = request.name;
            long inode =
                    volume.mknod(
                            directory,
                            name.bytes,
                            0,
                            name.length,
                            (int) mode,
                            (int) rdev,
                            request.caller());
            request.remember(path, inode);
            return 0;
        } catch (Throwable failure) {
            return state.errors.toReply("mknod", failure);
        }
    }

    int mkdir(long path, long mode) {
        try {
            RequestContext request = request();
            long directory = parent(request, path);
            PathWalker.Name name = request.name;
            long inode =
                    volume.mkdir(
                            directory, name.bytes, 0, name.length, (int) mode, request.caller());
            request.remember(path, inode);
            return 0;
        } catch (Throwable failure) {
            return state.errors.toReply("mkdir", failure);
        }
    }

    int symlink(long target, long path) {
        try {
            RequestContext request = request();
            long directory = parent(request, path);
            PathWalker.Name name = request.name;
            long inode =
                    volume.symlink(
                            directory,
                            name.bytes,
                            0,
                            name.length,
                            Memory.getString(target),
                            request.caller());
            request.remember(path, inode);
            return 0;
        } catch (Throwable failure) {
            return state.errors.toReply("symlink", failure);
        }
    }

    int unlink(long path) {
        try {
            RequestContext request = request();
            long directory = parent(request, path);
            forgetTarget(directory, request.name);
            volume.unlink(directory, request.name.bytes, 0, request.name.length);
            return 0;
        } catch (Throwable failure) {
            return state.errors.toReply("unlink", failure);
        }
    }

    int rmdir(long path) {
        try {
            RequestContext request = request();
            long directory = parent(request, path);
            forgetTarget(directory, request.name);
            volume.rmdir(directory, request.name.bytes, 0, request.name.length);
            return 0;
        } catch (Throwable failure) {
            return state.errors.toReply("rmdir", failure);
        }
    }

    /** A name is about to be removed, and maybe its inode with it. libfuse holds its lock. */
    private void forgetTarget(long directory, PathWalker.Name name) throws FsException {
        long inode = volume.lookup(directory, name.bytes, 0, name.length);
        if (inode != 0) {
            state.knownNodes.forgetInode(inode);
        }
    }

    int rename(long oldPath, long newPath) {
        try {
            RequestContext request = request();
            long newNode = Memory.getLong(request.requestBody + RequestLayout.Rename.NEW_DIRECTORY);
            PathWalker.Name oldName = request.name;
            PathWalker.Name newName = request.otherName;
            long oldDirectory = parent(request, request.nodeId(), oldPath, oldName);
            long newDirectory = parent(request, newNode, newPath, newName);
            forgetTarget(newDirectory, newName);
            volume.rename(
                    oldDirectory,
                    oldName.bytes,
                    0,
                    oldName.length,
                    newDirectory,
                    newName.bytes,
                    0,
                    newName.length,
                    0);
            return 0;
        } catch (Throwable failure) {
            return state.errors.toReply("rename", failure);
        }
    }

    int link(long oldPath, long newPath) {
        try {
            RequestContext request = request();
            long oldNode = Memory.getLong(request.requestBody + RequestLayout.Link.OLD_NODE_ID);
            long inode = state.nodes.inodeOf(oldNode);
            if (inode == 0) {
                inode = request.walker.resolve(oldPath);
            }
            if (inode == 0) {
                throw new FsException(Errno.ENOENT, "path not found");
            }
            long directory = parent(request, newPath);
            state.cachePolicy.markAliased(inode);
            volume.link(inode, directory, request.name.bytes, 0, request.name.length);
            request.remember(newPath, inode);
            return 0;
        } catch (Throwable failure) {
            return state.errors.toReply("link", failure);
        }
    }

    // ---- open files

    int create(long path, long mode, long fileInfo) {
        try {
            RequestContext request = request();
            int flags = FileInfo.flags(fileInfo);
            int type = (int) mode & S_IFMT;
            long directory = parent(request, path);
            PathWalker.Name name = request.name;
            long inode =
                    volume.mknod(
                            directory,
                            name.bytes,
                            0,
                            name.length,
                            type == 0 ? (int) mode | S_IFREG : (int) mode,
                            0,
                            request.caller());
            OpenHandle handle = new OpenHandle(inode, flags, 0);
            volume.acquire(inode);
            handle.isFile = true;
            boolean directIo =
                    state.daxPolicy.opened(inode, volume.getFlags(inode)) || state.directIo;
            FileInfo.setHandle(fileInfo, state.handles.add(handle));
            FileInfo.setCaching(fileInfo, directIo, !directIo);
            if (request.opcode() == FuseOpcode.CREATE) {
                request.created = handle;
            }
            return 0;
        } catch (Throwable failure) {
            return state.errors.toReply("create", failure);
        }
    }

    /** open and opendir. */
    int open(long path, long fileInfo) {
        try {
            RequestContext request = request();
            long inode = self(state, request, path);
            FileOpener.Caching caching = request.caching;
            long handle = opener.open(request, inode, FileInfo.flags(fileInfo), caching);
            FileInfo.setHandle(fileInfo, handle);
            FileInfo.setCaching(fileInfo, caching.directIo, caching.keepCache);
            return 0;
        } catch (Throwable failure) {
            return state.errors.toReply("open", failure);
        }
    }

    /** release and releasedir. */
    int release(long path, long fileInfo) {
        try {
            state.closeHandle(FileInfo.handle(fileInfo));
            return 0;
        } catch (Throwable failure) {
            return state.errors.toReply("release", failure);
        }
    }
}
