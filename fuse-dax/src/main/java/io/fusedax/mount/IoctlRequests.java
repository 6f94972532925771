package io.fusedax.mount;

import io.fusedax.backing.FsException;
import io.fusedax.backing.journal.CommitCause;
import io.fusedax.backing.volume.Caller;
import io.fusedax.backing.volume.Volume;
import jnr.constants.platform.Errno;

/**
 * ioctls on open files and directories: the standard ones on flags, and {@link ControlProtocol}.
 */
final class IoctlRequests {
    // 'f' and 'X' of linux/fs.h; the argument is an int whatever the number says.
    static final int FS_IOC_GETFLAGS = 0x80086601;
    static final int FS_IOC_SETFLAGS = 0x40086602;
    static final int FS_IOC32_GETFLAGS = 0x80046601;
    static final int FS_IOC32_SETFLAGS = 0x40046602;
    static final int FS_IOC_GETVERSION = 0x80087601;
    static final int FS_IOC32_GETVERSION = 0x80047601;
    static final int FS_IOC_FSGETXATTR = 0x801C581F;
    static final int FS_IOC_FSSETXATTR = 0x401C5820;

    /** struct fsxattr. */
    static final int FSXATTR_FLAGS = 0;

    static final int FSXATTR_PROJECT_ID = 12;
    static final int FSXATTR_SIZE_BYTES = 28;

    private static final int FUSE_IOCTL_DIR = 1 << 4;

    private final MountState state;
    private final Volume volume;
    private final ControlAnswers answers;
    private final FaultRequests faults;
    private final Device device;
    private final SlowLane slowLane;
    private final ErrorInjection injections;

    IoctlRequests(MountState state, Device device, SlowLane slowLane) {
        this.state = state;
        this.device = device;
        this.volume = state.volume;
        this.answers = new ControlAnswers(state);
        this.faults = new FaultRequests(state, device);
        this.slowLane = slowLane;
        this.injections = new ErrorInjection(state, device);
    }

    int ioctl(RequestContext request) throws FsException {
        long body = request.requestBody;
        long inode = state.nodes.pinnedInodeOf(request.nodeId());
        if (inode == 0) {
            throw new FsException(Errno.EBADF, "ioctl on a node that is not open");
        }
        int command = Memory.getInt(body + RequestLayout.Ioctl.COMMAND);
        long in = body + RequestLayout.Ioctl.SIZE_BYTES;
        int inSize = Memory.getInt(body + RequestLayout.Ioctl.IN_SIZE);
        int outSize = Memory.getInt(body + RequestLayout.Ioctl.OUT_SIZE);
        long out = request.replyBody + ReplyLayout.Ioctl.SIZE_BYTES;
        int used;
        switch (command) {
            case FS_IOC_GETFLAGS:
            case FS_IOC32_GETFLAGS:
                requireSize(outSize, Integer.BYTES);
                Memory.putInt(out, volume.getFlags(inode));
                used = Integer.BYTES;
                break;
            case FS_IOC_SETFLAGS:
            case FS_IOC32_SETFLAGS:
                requireSize(inSize, Integer.BYTES);
                volume.setFlags(inode, Memory.getInt(in), request.caller());
                used = changedAttributes(request);
                break;
            case FS_IOC_GETVERSION:
            case FS_IOC32_GETVERSION:
                requireSize(outSize, Integer.BYTES);
                volume.getattr(inode, request.attributes);
                Memory.putInt(out, request.attributes.generation);
                used = Integer.BYTES;
                break;
            case FS_IOC_FSGETXATTR:
                requireSize(outSize, FSXATTR_SIZE_BYTES);
                used = getExtendedFlags(inode, out);
                break;
            case FS_IOC_FSSETXATTR:
                requireSize(inSize, FSXATTR_SIZE_BYTES);
                setExtendedFlags(inode, in, request.caller());
                used = changedAttributes(request);
                break;
            default:
                return control(request, command, inode, in, out);
        }
        return answer(request, used);
    }

    private int control(RequestContext request, int command, long inode, long in, long out)
            throws FsException {
        // The sizes are part of these numbers, so the kernel has checked them.
        if (command == ControlProtocol.FAULT) {
            return answer(request, faults.fault(request, inode, in, out));
        } else if (command == ControlProtocol.ATTACH) {
            return answer(request, faults.attach(request, inode, in, out));
        } else if (command == ControlProtocol.DETACH) {
            return answer(request, faults.detach(in));
        } else if (command == ControlProtocol.FILE_STATISTICS) {
            return answer(request, answers.fileStatistics(inode, out, request.attributes));
        } else if (command == ControlProtocol.HELLO) {
            return answer(request, answers.hello(out));
        } else if (command == ControlProtocol.STATISTICS) {
            return answer(request, answers.statistics(out));
        } else if (command == ControlProtocol.SYNC) {
            state.mappings.flushAllStores();
            volume.sync(CommitCause.SYNC);
            return answer(request, 0);
        } else if (command == ControlProtocol.COMMIT_INODE) {
            boolean committed = volume.commitInode(inode, CommitCause.SYNC);
            Memory.putLong(out, committed ? 1 : 0); // and reserved
            return answer(request, ControlProtocol.CommitInode.SIZE_BYTES);
        } else if (command == ControlProtocol.EXTENTS) {
            long start = Memory.getLong(in + ControlProtocol.Extents.START);
            return answer(request, answers.extents(inode, start, out));
        } else if (command == ControlProtocol.BAD_BLOCKS) {
            long start = Memory.getLong(in + ControlProtocol.BadBlocks.START);
            return answer(request, answers.badBlocks(start, out));
        } else if (command == ControlProtocol.PROBLEM) {
            return answer(request, answers.problem(out));
        } else if (command == ControlProtocol.INJECT_ERROR) {
            slowLane.submit(request.device, request.unique(), injections.prepare(request, in));
            return RequestHandler.ANSWERED;
        } else if (command == ControlProtocol.COLLAPSE_RANGE) {
            return moveRange(request, inode, in, FileRequests.FALLOC_COLLAPSE_RANGE);
        } else if (command == ControlProtocol.INSERT_RANGE) {
            return moveRange(request, inode, in, FileRequests.FALLOC_INSERT_RANGE);
        }
        throw new FsException(Errno.ENOTTY, "ioctl of another file system");
    }

    /**
     * Collapses or inserts a range. The kernel does not know that this moves data, so its pages of
     * the file are written back before and dropped after. That may wait for other requests, hence
     * the slow lane.
     */
    private int moveRange(RequestContext request, long inode, long in, int mode)
            throws FsException {
        long body = request.requestBody;
        boolean directory = (Memory.getInt(body + RequestLayout.Ioctl.FLAGS) & FUSE_IOCTL_DIR) != 0;
        if (directory
                || !state.handle(Memory.getLong(body + RequestLayout.Ioctl.HANDLE)).writable()) {
            throw new FsException(Errno.EBADF, "not a file open for writing");
        }
        long offset = Memory.getLong(in + ControlProtocol.Range.OFFSET);
        long length = Memory.getLong(in + ControlProtocol.Range.LENGTH);
        Caller caller = request.caller();
        slowLane.submit(
                request.device,
                request.unique(),
                request.nodeId(),
                offset,
                () -> FileRequests.fallocate(state, inode, mode, offset, length, caller));
        return RequestHandler.ANSWERED;
    }

    private int getExtendedFlags(long inode, long out) throws FsException {
        Memory.zero(out, FSXATTR_SIZE_BYTES);
        Memory.putInt(out + FSXATTR_FLAGS, FileFlags.toExtended(volume.getFlags(inode)));
        Memory.putInt(out + FSXATTR_PROJECT_ID, volume.getProjectId(inode));
        return FSXATTR_SIZE_BYTES;
    }

    private void setExtendedFlags(long inode, long in, Caller caller) throws FsException {
        int current = volume.getFlags(inode);
        int extended = Memory.getInt(in + FSXATTR_FLAGS);
        int flags = FileFlags.fromExtended(extended, current);
        if (flags == -1) {
            throw new FsException(Errno.EOPNOTSUPP, "xflags=0x" + Integer.toHexString(extended));
        }
        int projectId = Memory.getInt(in + FSXATTR_PROJECT_ID);
        if (projectId != volume.getProjectId(inode)) {
            volume.setProjectId(inode, projectId);
        }
        if (flags != current) {
            volume.setFlags(inode, flags, caller);
        }
    }

    /** The kernel does not know that an ioctl changes the time of change; the answer is empty. */
    private int changedAttributes(RequestContext request) {
        device.invalidateAttributes(request.nodeId());
        return 0;
    }

    private static int answer(RequestContext request, int argumentBytes) {
        Memory.zero(request.replyBody, ReplyLayout.Ioctl.SIZE_BYTES); // result 0
        return ReplyLayout.Ioctl.SIZE_BYTES + argumentBytes;
    }

    private static void requireSize(int sizeBytes, int needed) throws FsException {
        if (sizeBytes < needed) {
            throw new FsException(Errno.EINVAL, "ioctl_bytes=" + sizeBytes);
        }
    }
}
