package io.fusedax.mount;

import io.fusedax.backing.FsException;
import io.fusedax.backing.volume.Fault;
import jnr.constants.platform.Errno;

/** The ioctls of programs that map files directly: ATTACH, FAULT, DETACH. */
final class FaultRequests {
    private static final long PAGE_BYTES = 4096;

    /** No program has an address beyond. */
    private static final long MAX_ADDRESS = 1L << 56;

    private static final int FUSE_IOCTL_DIR = 1 << 4;
    private static final int S_IFMT = 0170000;
    private static final int S_IFREG = 0100000;

    private final MountState state;
    private final DirectMappings mappings;
    private final Device device;

    FaultRequests(MountState state, Device device) {
        this.state = state;
        this.device = device;
        this.mappings = state.mappings;
    }

    int attach(RequestContext request, long inode, long in, long out) throws FsException {
        if (Memory.getInt(in + ControlProtocol.Attach.VERSION) != ControlProtocol.VERSION) {
            throw new FsException(Errno.EPROTO, "attach of another version");
        }
        OpenHandle handle = handle(request);
        if ((handle.flags & Libc.O_ACCMODE) == Libc.O_WRONLY) {
            throw new FsException(Errno.EBADF, "not open for reading");
        }
        if (request.uid() != state.ownerUid) {
            throw new FsException(Errno.EACCES, "not the mount's owner");
        }
        DirectClient client = client(Memory.getLong(in + ControlProtocol.Attach.COOKIE));
        state.volume.getattr(inode, request.attributes);
        boolean dax = (request.attributes.mode & S_IFMT) == S_IFREG && state.daxPolicy.isDax(inode);
        boolean writable = handle.writable() && !state.readOnly();
        long generation = 0;
        if (dax) {
            generation = mappings.attach(client, inode, request.attributes.generation);
            if (writable) {
                client.mayStore = true;
            }
            // Stores change times and blocks without the kernel's knowledge from now on.
            state.cachePolicy.markStoredUnseen(inode);
            device.invalidateAttributes(request.nodeId());
        }
        Memory.copy(in, out, ControlProtocol.Attach.SIZE_BYTES);
        Memory.putInt(out + ControlProtocol.Attach.VERSION, ControlProtocol.VERSION);
        Memory.putInt(
                out + ControlProtocol.Attach.FLAGS,
                (dax ? ControlProtocol.Attach.FLAG_DAX : 0)
                        | (writable ? ControlProtocol.Attach.FLAG_WRITABLE : 0));
        Memory.putLong(out + ControlProtocol.Attach.FILE, inode);
        Memory.putLong(out + ControlProtocol.Attach.GENERATION, generation);
        return ControlProtocol.Attach.SIZE_BYTES;
    }

    int fault(RequestContext request, long inode, long in, long out) throws FsException {
        int flags = Memory.getInt(in + ControlProtocol.Fault.FLAGS);
        boolean store = (flags & ControlProtocol.Fault.FLAG_WRITE) != 0;
        if (!handle(request).writable() && store) {
            throw new FsException(Errno.EACCES, "store through a read-only descriptor");
        }
        DirectClient client = client(Memory.getLong(in + ControlProtocol.Fault.COOKIE));
        Fault fault = request.fault;
        DirectMappings.Answer answer = request.faultAnswer;
        fault.offset = Memory.getLong(in + ControlProtocol.Fault.OFFSET);
        fault.areaStart = Memory.getLong(in + ControlProtocol.Fault.AREA_START);
        fault.areaEnd = Memory.getLong(in + ControlProtocol.Fault.AREA_END);
        fault.address = Memory.getLong(in + ControlProtocol.Fault.ADDRESS);
        fault.wantsGuard =
                store && client.guarded && Memory.getLong(in + ControlProtocol.Fault.AREA) != 0;
        fault.guardStart = 0;
        fault.guardLength = 0;
        try {
            mappings.fault(client, inode, flags, fault, answer);
            if (fault.guardLength > 0 && !noteArea(client, inode, in)) {
                fault.guardLength = 0; // a store there comes by FAULT, too, then
            }
        } catch (FsException e) {
            if (isCallersMistake(e.errno())) {
                throw e;
            }
            failed(e, answer);
        } catch (RuntimeException | Error e) {
            failed(e, answer);
        }
        Memory.copy(in, out, ControlProtocol.Fault.RESULT);
        Memory.putInt(out + ControlProtocol.Fault.RESULT, answer.result);
        Memory.putLong(out + ControlProtocol.Fault.START, fault.start);
        Memory.putLong(out + ControlProtocol.Fault.LENGTH, fault.length);
        Memory.putLong(out + ControlProtocol.Fault.REGION, fault.regionOffset);
        Memory.putLong(out + ControlProtocol.Fault.GENERATION, answer.generation);
        Memory.putLong(out + ControlProtocol.Fault.AREA, 0);
        Memory.putLong(out + ControlProtocol.Fault.GUARD_START, fault.guardStart);
        Memory.putLong(out + ControlProtocol.Fault.GUARD_LENGTH, fault.guardLength);
        return ControlProtocol.Fault.SIZE_BYTES;
    }

    /**
     * So that stores to guarded pages of the area can be told by their address.
     *
     * @return false if that is not possible now
     */
    private static boolean noteArea(DirectClient client, long inode, long in) {
        long offset = Memory.getLong(in + ControlProtocol.Fault.AREA_START);
        long length = Memory.getLong(in + ControlProtocol.Fault.AREA_END) - offset;
        long start =
                Memory.getLong(in + ControlProtocol.Fault.ADDRESS)
                        - (Memory.getLong(in + ControlProtocol.Fault.OFFSET) - offset);
        boolean aligned = ((start | length) & PAGE_BYTES - 1) == 0;
        if (!aligned || start < 0 || length <= 0 || length > MAX_ADDRESS - start) {
            return false;
        }
        long serial = Memory.getLong(in + ControlProtocol.Fault.AREA);
        int flags = Memory.getInt(in + ControlProtocol.Fault.FLAGS);
        boolean sync = (flags & ControlProtocol.Fault.FLAG_SYNC) != 0;
        if (!client.areas.tryLock()) {
            return false;
        }
        try {
            return client.areas.put(
                    new GuardedAreas.Area(start, start + length, serial, inode, offset, sync));
        } finally {
            client.areas.unlock();
        }
    }

    /** The page cannot be had: logged, and for the program a bus error. */
    private void failed(Throwable failure, DirectMappings.Answer answer) {
        state.errors.toReply("fault", failure);
        answer.result = ControlProtocol.Fault.RESULT_BUS;
    }

    private static boolean isCallersMistake(Errno errno) {
        return errno == Errno.ESTALE || errno == Errno.EINVAL || errno == Errno.EACCES;
    }

    int detach(long in) {
        DirectClient client = mappings.client(Memory.getLong(in + ControlProtocol.Detach.COOKIE));
        if (client != null) { // else all is detached already
            mappings.detach(client, Memory.getLong(in + ControlProtocol.Detach.FILE));
        }
        return 0;
    }

    private DirectClient client(long cookie) throws FsException {
        DirectClient client = mappings.client(cookie);
        if (client == null) {
            throw new FsException(Errno.ESTALE, "unknown cookie");
        }
        return client;
    }

    private OpenHandle handle(RequestContext request) throws FsException {
        long body = request.requestBody;
        if ((Memory.getInt(body + RequestLayout.Ioctl.FLAGS) & FUSE_IOCTL_DIR) != 0) {
            throw new FsException(Errno.EBADF, "a directory");
        }
        return state.handle(Memory.getLong(body + RequestLayout.Ioctl.HANDLE));
    }
}
