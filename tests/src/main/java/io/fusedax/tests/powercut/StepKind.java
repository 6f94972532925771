package io.fusedax.tests.powercut;

import io.fusedax.backing.FsException;
import io.fusedax.backing.journal.CommitCause;
import io.fusedax.backing.volume.Caller;
import io.fusedax.backing.volume.InodeAttributes;
import io.fusedax.backing.volume.InodeFlags;
import io.fusedax.backing.volume.SetAttributes;
import io.fusedax.backing.volume.Volume;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** The kinds of call that a workload is made of. */
enum StepKind {
    CREATE(s -> s.create(0100644)),
    MKNOD(s -> s.create(0020600)),
    FIFO(s -> s.create(0010600)),
    MKDIR(
            s -> {
                byte[] name = s.newName();
                s.volume.mkdir(s.directory(), name, 0, name.length, 0755, Caller.ROOT);
            }),
    TMPFILE(s -> s.volume.tmpfile(s.directory(), 0100600, true, Caller.ROOT)),
    LINK_TMPFILE(
            s -> {
                long parent = s.directory();
                long file = s.volume.tmpfile(parent, 0100600, true, Caller.ROOT);
                byte[] name = s.newName();
                s.volume.link(file, parent, name, 0, name.length);
                s.volume.release(file);
            }),
    SET_ACL(s -> s.volume.setAcl(s.file().inode(), Scene.ACCESS_ACL, acl(s), false)),
    SET_DEFAULT_ACL(
            s -> s.volume.setAcl(s.subdirectory().inode(), Scene.DEFAULT_ACL, acl(s), false)),
    SYMLINK(s -> symlink(s, 1 + s.pick(120))),
    LONG_SYMLINK(s -> symlink(s, 129 + s.pick(2000))),
    LINK(
            s -> {
                byte[] name = s.newName();
                s.volume.link(s.file().inode(), s.directory(), name, 0, name.length);
            }),
    UNLINK(s -> s.unlink(s.other())),
    UNLINK_FILE(s -> s.unlink(s.file())),
    UNLINK_OPEN(
            s -> {
                Scene.Name file = s.file();
                s.volume.acquire(file.inode());
                s.unlink(file);
            }),
    RMDIR(
            s -> {
                Scene.Name name = s.subdirectory();
                s.volume.rmdir(name.parent(), name.name(), 0, name.name().length);
            }),
    RENAME(s -> s.rename(s.any(), s.directory(), s.newName(), 0)),
    RENAME_OVER(
            s -> {
                Scene.Name to = s.other();
                s.rename(s.other(), to.parent(), to.name(), 0);
            }),
    RENAME_DIRECTORY(s -> s.rename(s.subdirectory(), s.directory(), s.newName(), 0)),
    EXCHANGE(
            s -> {
                Scene.Name to = s.any();
                s.rename(s.any(), to.parent(), to.name(), 2);
            }),
    WHITEOUT(s -> s.rename(s.file(), s.directory(), s.newName(), 4)),
    APPEND(s -> s.write(s.file().inode(), 0, 1 + s.pick(9000), Volume.WRITE_APPEND)),
    WRITE(s -> write(s, 0)),
    WRITE_SYNC(s -> write(s, Volume.WRITE_SYNC), Promise.INODE),
    WRITE_DSYNC(s -> write(s, Volume.WRITE_DSYNC), Promise.DATA),
    /** So much that several writers of a file would copy at the same time. */
    REWRITE(
            s -> {
                s.target = s.file().inode();
                s.write(s.target, 0, 20_000, Volume.WRITE_DSYNC);
            },
            Promise.DATA),
    GROW(
            s -> {
                long inode = s.file().inode();
                s.resize(inode, Math.min(96 << 10, s.size(inode) + s.pick(20_000)));
            }),
    SHRINK(
            s -> {
                long inode = s.file().inode();
                s.resize(inode, s.place(inode));
            }),
    PREALLOCATE(s -> fallocate(s, s.pick(2))),
    PUNCH(s -> fallocate(s, Scene.PUNCH)),
    ZERO_RANGE(s -> fallocate(s, Scene.ZERO)),
    COLLAPSE(s -> shift(s, Scene.COLLAPSE)),
    INSERT(s -> shift(s, Scene.INSERT)),
    STORE(s -> store(s, false)),
    STORE_SYNC(s -> store(s, true), Promise.DATA),
    CHMOD(
            s -> {
                SetAttributes change = new SetAttributes().mode(0600 + s.pick(64)).uid(s.pick(9));
                s.volume.setattr(
                        s.any().inode(), change.gid(8), Caller.ROOT, new InodeAttributes());
            }),
    SET_FLAGS(
            s -> {
                int flags = s.pick(2) == 0 ? InodeFlags.DAX : InodeFlags.NOATIME;
                s.volume.setFlags(s.file().inode(), flags, Caller.ROOT);
            }),
    SET_XATTR(s -> setAttribute(s, s.pick(200))),
    SET_LONG_XATTR(s -> setAttribute(s, 4000 + s.pick(16_000))),
    REMOVE_XATTR(s -> s.volume.removexattr(s.file().inode(), Scene.bytes("user.a" + s.pick(3)))),
    KILL(Scene::kill, Promise.ALL),
    FSYNC(s -> fsync(s, s.file().inode(), false), Promise.INODE),
    FDATASYNC(s -> fsync(s, s.file().inode(), true), Promise.DATA),
    FSYNC_DIRECTORY(s -> fsync(s, s.directory(), false), Promise.INODE),
    SYNC(
            s -> {
                s.flushAllMappings();
                s.volume.sync(CommitCause.SYNC);
            },
            Promise.ALL);

    /** Kinds that meet in the same structures. */
    static final StepKind[][] GROUPS = {
        {WRITE, APPEND, GROW, SHRINK, PUNCH, STORE, STORE_SYNC, FDATASYNC, PREALLOCATE},
        {SHRINK, GROW, WRITE, STORE_SYNC, FSYNC, SYNC},
        {
            CREATE,
            MKDIR,
            LINK_TMPFILE,
            TMPFILE,
            UNLINK,
            UNLINK_OPEN,
            RENAME,
            RENAME_OVER,
            RMDIR,
            LINK,
            SYNC
        },
        {SET_LONG_XATTR, REMOVE_XATTR, SET_XATTR, WRITE, APPEND, UNLINK_FILE, KILL, SYNC},
        {WRITE_SYNC, STORE, COLLAPSE, INSERT, ZERO_RANGE, WRITE_DSYNC, FSYNC, APPEND},
        {LONG_SYMLINK, SYMLINK, CREATE, UNLINK, APPEND, FSYNC_DIRECTORY, EXCHANGE, SYNC}
    };

    /** What is durable when a call has returned. */
    enum Promise {
        NOTHING,
        /** What is needed to read the target's data, and that. */
        DATA,
        /** The target. */
        INODE,
        /** Everything. */
        ALL
    }

    private interface Action {
        void run(Scene scene) throws FsException;
    }

    private final Action action;
    private final Promise promise;

    StepKind(Action action) {
        this(action, Promise.NOTHING);
    }

    StepKind(Action action, Promise promise) {
        this.action = action;
        this.promise = promise;
    }

    void run(Scene scene) throws FsException {
        action.run(scene);
    }

    Promise promise() {
        return promise;
    }

    /** Whether it makes durable what programs stored through mappings and did not flush. */
    boolean flushesMappings() {
        return this == FSYNC || this == FDATASYNC || this == SYNC || this == KILL;
    }

    /** Whether uncommitted changes are gone after it. */
    boolean forgets() {
        return this == KILL;
    }

    /** Whether it moves bytes within a file. */
    boolean movesData() {
        return this == COLLAPSE || this == INSERT;
    }

    /** Owner, one user, group, mask, others: tag and permissions in 16 bits each, and an id. */
    private static byte[] acl(Scene s) {
        ByteBuffer bytes = ByteBuffer.allocate(44).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putInt(2);
        int[] tags = {1, 2, 4, 0x10, 0x20};
        for (int tag : tags) {
            bytes.putShort((short) tag).putShort((short) s.pick(8)).putInt(tag == 2 ? 42 : -1);
        }
        return bytes.array();
    }

    private static void symlink(Scene s, int length) throws FsException {
        byte[] name = s.newName();
        byte[] target = Scene.bytes("t".repeat(length));
        s.volume.symlink(s.directory(), name, 0, name.length, target, Caller.ROOT);
    }

    private static void write(Scene s, int flags) throws FsException {
        s.target = s.file().inode();
        long beyond = s.pick(3) == 0 ? s.pick(9000) : 0;
        long offset = Math.min(90_000, s.place(s.target) + beyond);
        s.write(s.target, offset, 1 + s.pick(s.pick(2) == 0 ? 20 : 9000), flags);
    }

    private static void fallocate(Scene s, int mode) throws FsException {
        long inode = s.file().inode();
        long offset = s.place(inode);
        long length = 1L + s.pick(20_000);
        s.volume.fallocate(inode, mode, offset, length, Caller.ROOT);
        if (mode == Scene.PUNCH || mode == Scene.ZERO) {
            s.model.zero(inode, offset, length);
        }
        if (mode == 0 || mode == Scene.ZERO) {
            s.model.grow(inode, offset + length);
        }
    }

    private static void shift(Scene s, int mode) throws FsException {
        long inode = s.file().inode();
        long offset = s.place(inode) & -4096;
        long length = 4096L * (1 + s.pick(2));
        if (mode == Scene.COLLAPSE || s.size(inode) < 80 << 10) {
            s.volume.fallocate(inode, mode, offset, length, Caller.ROOT);
            if (mode == Scene.COLLAPSE) {
                s.model.collapse(inode, (int) offset, (int) length);
            } else {
                s.model.insert(inode, (int) offset, (int) length);
            }
        }
    }

    private static void store(Scene s, boolean sync) throws FsException {
        long inode = s.file().inode();
        if (s.size(inode) > 0 && s.storeMapped(inode, s.place(inode), sync)) {
            s.target = inode;
        }
    }

    private static void setAttribute(Scene s, int length) throws FsException {
        byte[] value = new byte[length];
        java.util.Arrays.fill(value, (byte) s.pick(256));
        s.volume.setxattr(s.file().inode(), Scene.bytes("user.a" + s.pick(3)), value, 0);
    }

    private static void fsync(Scene s, long inode, boolean datasync) throws FsException {
        s.target = inode;
        s.flushMappings(inode);
        s.volume.fsync(inode, datasync);
    }
}
