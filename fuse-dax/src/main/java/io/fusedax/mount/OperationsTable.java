package io.fusedax.mount;

import jnr.ffi.BaseStruct;
import jnr.ffi.Pointer;
import jnr.ffi.Runtime;
import jnr.ffi.Struct;
import ru.serce.jnrfuse.FuseStubFS;
import ru.serce.jnrfuse.struct.FuseOperations;

/**
 * jnr-fuse's file system object, with the struct fuse_operations filled from {@link
 * PathOperations}. Raw callbacks go straight into the struct: jnr-fuse's own would make a string, a
 * FileStat and a FuseFileInfo for each call.
 *
 * <p>Not filled: what the request loop always answers itself, and flush, which has nothing to do
 * here. Its ENOSYS tells the kernel not to ask again, which saves a round trip for each close(2).
 */
final class OperationsTable extends FuseStubFS {
    /** Byte of flag_nullpath_ok, flag_nopath and flag_utime_omit_ok, which jnr-fuse lacks. */
    private static final int FLAGS_OFFSET = 304;

    private static final byte NULLPATH_OK = 1;
    private static final byte NOPATH = 1 << 1;
    private static final byte UTIME_OMIT_OK = 1 << 2;

    private final Object[] callbacks;

    /** The struct in native memory; jnr-fuse's own is on the Java heap. Never freed. */
    private final long table;

    OperationsTable(PathOperations paths, PathXattrs xattrs) {
        FuseOperations slots = fuseOperations;
        table = Memory.allocate(sizeBytes());
        // The closures live as long as the objects they call.
        callbacks =
                new Object[] {
                    two(slots.getattr, paths::getattr),
                    two(slots.mkdir, paths::mkdir),
                    one(slots.unlink, paths::unlink),
                    one(slots.rmdir, paths::rmdir),
                    two(slots.symlink, paths::symlink),
                    two(slots.rename, paths::rename),
                    two(slots.link, paths::link),
                    two(slots.chmod, paths::chmod),
                    two(slots.truncate, paths::truncate),
                    two(slots.open, paths::open),
                    two(slots.release, paths::release),
                    two(slots.opendir, paths::open),
                    two(slots.releasedir, paths::release),
                    two(slots.utimens, paths::utimens),
                    two(slots.removexattr, xattrs::remove),
                    three(slots.readlink, paths::readlink),
                    three(slots.mknod, paths::mknod),
                    three(slots.chown, paths::chown),
                    three(slots.create, paths::create),
                    three(slots.fgetattr, paths::fgetattr),
                    three(slots.listxattr, xattrs::list),
                    four(slots.getxattr, xattrs::get),
                    five(slots.setxattr, xattrs::set),
                };
        Memory.putByte(table + FLAGS_OFFSET, (byte) (NULLPATH_OK | NOPATH | UTIME_OMIT_OK));
    }

    /** Address of the struct fuse_operations. */
    long address() {
        return table;
    }

    int sizeBytes() {
        return Struct.size(fuseOperations);
    }

    /** How many operations are filled; keeps them alive. */
    int size() {
        return callbacks.length;
    }

    private Object one(BaseStruct.Func<?> slot, Callback.One callback) {
        return install(slot, Callback.One.class, callback);
    }

    private Object two(BaseStruct.Func<?> slot, Callback.Two callback) {
        return install(slot, Callback.Two.class, callback);
    }

    private Object three(BaseStruct.Func<?> slot, Callback.Three callback) {
        return install(slot, Callback.Three.class, callback);
    }

    private Object four(BaseStruct.Func<?> slot, Callback.Four callback) {
        return install(slot, Callback.Four.class, callback);
    }

    private Object five(BaseStruct.Func<?> slot, Callback.Five callback) {
        return install(slot, Callback.Five.class, callback);
    }

    private <T> T install(BaseStruct.Func<?> slot, Class<T> type, T callback) {
        Pointer closure =
                Runtime.getSystemRuntime().getClosureManager().getClosurePointer(type, callback);
        Memory.putLong(table + slot.offset(), closure.address());
        return callback;
    }
}
