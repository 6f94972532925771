package io.fusedax.mount;

import io.fusedax.backing.volume.Caller;
import io.fusedax.backing.volume.Fault;
import io.fusedax.backing.volume.InodeAttributes;
import io.fusedax.backing.volume.SetAttributes;

/**
 * The request that one thread is working on, and everything reusable that it needs for that, so
 * that a request allocates nothing.
 *
 * <p>Requests and replies lie so that the data of a WRITE and of a READ is page-aligned.
 */
final class RequestContext {
    /** Largest data of one READ or WRITE: what the kernel allows by default (256 pages). */
    static final int MAX_DATA_BYTES = 1 << 20;

    private static final int PAGE_BYTES = 4096;
    private static final int BUFFER_BYTES = MAX_DATA_BYTES + 2 * PAGE_BYTES;
    private static final int WRITE_DATA_OFFSET =
            RequestLayout.Header.SIZE_BYTES + RequestLayout.Write.SIZE_BYTES;

    /** Room for one request, in bytes. */
    static final int REQUEST_BYTES = MAX_DATA_BYTES + PAGE_BYTES;

    private final long allocation = Memory.allocate(2L * BUFFER_BYTES + PAGE_BYTES);
    private final long pages = (allocation + PAGE_BYTES - 1) & -PAGE_BYTES;

    /** Address of the request's header. */
    final long request = pages + PAGE_BYTES - WRITE_DATA_OFFSET;

    /** Address of what follows the request's header. */
    final long requestBody = request + RequestLayout.Header.SIZE_BYTES;

    /** Address of what follows the reply's header. */
    final long replyBody = pages + BUFFER_BYTES + PAGE_BYTES;

    /** Address of the reply's header. */
    final long reply = replyBody - ReplyLayout.Header.SIZE_BYTES;

    final InodeAttributes attributes = new InodeAttributes();
    final SetAttributes changes = new SetAttributes();
    final PathWalker.Name name = new PathWalker.Name();
    final PathWalker.Name otherName = new PathWalker.Name();
    final FileOpener.Caching caching = new FileOpener.Caching();
    final Fault fault = new Fault();
    final DirectMappings.Answer faultAnswer = new DirectMappings.Answer();
    final PathWalker walker;

    /** Where the reply goes: the descriptor that the request came from. */
    Device device;

    /** Native transport: the inode that the reply tells the kernel of, 0: none. */
    long told;

    /** Native transport: the number of the handle that the reply tells the kernel, 0: none. */
    long opened;

    /** SETATTR: what is to be set, FATTR_*; libfuse changes it in the request. */
    int setattrValid;

    /** LOOKUP: the inode, if it was looked up already. */
    long found;

    /** CREATE: the handle that was made, until its node id is known. */
    OpenHandle created;

    /** The request under way, for who interrupts it. */
    private volatile long current;

    private volatile long interrupted;
    private int opcode;
    private long nodeId;
    private Caller caller = Caller.ROOT;
    private long rememberedPath;
    private long rememberedInode;

    RequestContext(PathWalker.Lookup lookup, long rootInode) {
        walker = new PathWalker(lookup, rootInode);
    }

    /** A new request has been read. */
    void begin() {
        opcode = Memory.getInt(request + RequestLayout.Header.OPCODE);
        nodeId = Memory.getLong(request + RequestLayout.Header.NODE_ID);
        rememberedPath = 0;
        created = null;
        told = 0;
        opened = 0;
        current = unique();
        found = 0;
        setattrValid =
                opcode == FuseOpcode.SETATTR
                        ? Memory.getInt(requestBody + RequestLayout.Setattr.VALID)
                        : 0;
    }

    /** The program does not want the answer any more, if the request is this one. */
    boolean interrupt(long unique) {
        if (current != unique) {
            return false;
        }
        interrupted = unique;
        return true;
    }

    /** Whether a long request should end early. */
    boolean isInterrupted() {
        return interrupted == current;
    }

    int opcode() {
        return opcode;
    }

    long nodeId() {
        return nodeId;
    }

    long unique() {
        return Memory.getLong(request + RequestLayout.Header.UNIQUE);
    }

    int uid() {
        return Memory.getInt(request + RequestLayout.Header.UID);
    }

    /** Bytes of the request behind its header. */
    int bodyBytes() {
        return Memory.getInt(request + RequestLayout.Header.LENGTH)
                - RequestLayout.Header.SIZE_BYTES;
    }

    /** On whose behalf the request is made. */
    Caller caller() {
        return caller(0);
    }

    /** The same for what makes an inode, where the umask is not yet applied. */
    Caller caller(int umask) {
        int uid = uid();
        int gid = Memory.getInt(request + RequestLayout.Header.GID);
        Caller known = caller;
        if (known.uid() != uid || known.gid() != gid || known.umask() != umask) {
            known = new Caller(uid, gid, umask);
            caller = known;
        }
        return known;
    }

    /** Remembers what a path means until the end of this request. */
    void remember(long path, long inode) {
        rememberedPath = path;
        rememberedInode = inode;
    }

    /** What a path was found to mean earlier in this request, or 0. */
    long remembered(long path) {
        return path == rememberedPath ? rememberedInode : 0;
    }

    /** Frees the buffers; nothing may be used afterwards. */
    void free() {
        Memory.free(allocation);
    }
}
