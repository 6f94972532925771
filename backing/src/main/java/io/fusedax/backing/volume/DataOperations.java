package io.fusedax.backing.volume;

import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.PackedExtent;
import io.fusedax.backing.inode.ExtentMap;
import io.fusedax.backing.inode.FileContent;
import io.fusedax.backing.inode.Inode;
import io.fusedax.backing.inode.TreeRecord;
import io.fusedax.backing.journal.CommitCause;
import io.fusedax.backing.journal.Transaction;
import io.fusedax.backing.region.UserBuffer;
import jnr.constants.platform.Errno;

/** Reading, writing and syncing files. What fallocate(2) does is {@link RangeOperations}. */
final class DataOperations {
    /** Bytes that one transaction of a write covers at most. */
    private static final int MAX_STEP_BYTES = 1 << 20;

    /** From this length on, copying is worth a lock of its own. */
    private static final int MIN_SHARED_BYTES = 16 << 10;

    private final VolumeCore core;

    /** One for each thread, so that reading and writing native memory allocates none. */
    private final ThreadLocal<UserBuffer> buffers = ThreadLocal.withInitial(UserBuffer::reusable);

    private final ThreadLocal<WriteStep> writes = ThreadLocal.withInitial(WriteStep::new);

    DataOperations(VolumeCore core) {
        this.core = core;
    }

    int read(long number, long offset, long nativeAddress, int length) throws FsException {
        return read(number, offset, buffers.get().moveTo(nativeAddress), length);
    }

    int write(long number, long offset, long nativeAddress, int length, int flags, Caller caller)
            throws FsException {
        UserBuffer buffer = buffers.get().moveTo(nativeAddress);
        return write(number, offset, buffer, length, flags, caller);
    }

    int read(long number, long offset, UserBuffer buffer, int length) throws FsException {
        if (offset < 0 || length < 0) {
            throw new FsException(Errno.EINVAL, "offset=" + offset + " length=" + length);
        }
        Inode inode = core.pin(number);
        try {
            int done;
            long stamp = inode.lock().readLock();
            try {
                VolumeCore.checkRegular(inode);
                done = core.content.read(inode, offset, buffer, length);
            } finally {
                inode.lock().unlockRead(stamp);
            }
            core.touchAccessed(inode);
            return done;
        } finally {
            core.unpin(inode);
        }
    }

    int write(long number, long offset, UserBuffer buffer, int length, int flags, Caller caller)
            throws FsException {
        if (offset < 0 || length < 0) {
            throw new FsException(Errno.EINVAL, "offset=" + offset + " length=" + length);
        }
        Inode inode = core.pin(number);
        try {
            int done;
            boolean stored =
                    length >= MIN_SHARED_BYTES
                            && (flags & Volume.WRITE_APPEND) == 0
                            && overwriteShared(inode, offset, buffer, length);
            long stamp = inode.lock().writeLock();
            try {
                VolumeCore.checkRegular(inode);
                VolumeCore.refuseFlags(inode, InodeFlags.IMMUTABLE);
                if (stored) {
                    core.mutate("write", tx -> noteWritten(tx, inode, caller));
                    done = length;
                } else {
                    done = writeExclusive(inode, offset, buffer, length, flags, caller);
                }
            } finally {
                inode.lock().unlockWrite(stamp);
            }
            syncIfAsked(inode, flags);
            return done;
        } finally {
            core.unpin(inode);
        }
    }

    /** Large overwrites of one file copy at the same time; then each notes its time alone. */
    private boolean overwriteShared(Inode inode, long offset, UserBuffer buffer, int length)
            throws FsException {
        long stamp = inode.lock().readLock();
        try {
            VolumeCore.checkRegular(inode);
            VolumeCore.refuseFlags(inode, InodeFlags.IMMUTABLE);
            return !core.options.readOnly()
                    && core.journal.failure() == null
                    && core.content.overwrite(inode, offset, buffer, length);
        } finally {
            inode.lock().unlockRead(stamp);
        }
    }

    private int writeExclusive(
            Inode inode, long offset, UserBuffer buffer, int length, int flags, Caller caller)
            throws FsException {
        long at = (flags & Volume.WRITE_APPEND) != 0 ? inode.sizeBytes() : offset;
        return length == 0 ? 0 : writeLocked(inode, at, buffer, length, caller);
    }

    private void noteWritten(Transaction tx, Inode inode, Caller caller) {
        core.touchModified(tx, inode);
        VolumeCore.dropSetId(tx, inode, caller);
    }

    private void syncIfAsked(Inode inode, int flags) throws FsException {
        boolean sync = (flags & Volume.WRITE_SYNC) != 0 || (inode.flags() & InodeFlags.SYNC) != 0;
        if (sync || (flags & Volume.WRITE_DSYNC) != 0) {
            makeDurable(inode, !sync, CommitCause.OSYNC_WRITE);
        }
    }

    private int writeLocked(Inode inode, long offset, UserBuffer buffer, int length, Caller caller)
            throws FsException {
        if (offset >= Geometry.MAX_FILE_BYTES) {
            throw new FsException(Errno.EFBIG, "offset=" + offset);
        }
        int wanted = (int) Math.min(length, Geometry.MAX_FILE_BYTES - offset);
        if (core.content.growthNeedsCommit(inode, offset, core.journal.durableTid())) {
            core.journal.commit(inode.dataChangedTid(), CommitCause.PRESSURE);
        }
        if (wanted <= MAX_STEP_BYTES) {
            return writeStep(inode, offset, buffer, wanted, caller);
        }
        int done = 0;
        while (done < wanted) {
            int step = Math.min(wanted - done, MAX_STEP_BYTES);
            int written;
            try {
                written = writeStep(inode, offset + done, buffer.from(done), step, caller);
            } catch (FsException e) {
                if (done > 0 && e.errno() == Errno.ENOSPC) {
                    return done;
                }
                throw e;
            }
            done += written;
            if (written < step) {
                return done;
            }
        }
        return done;
    }

    /** As many bytes as there is room for; ENOSPC when that is none. */
    private int writeStep(Inode inode, long offset, UserBuffer buffer, int length, Caller caller)
            throws FsException {
        WriteStep write = writes.get();
        write.operations = this;
        write.inode = inode;
        write.offset = offset;
        write.buffer = buffer;
        write.length = length;
        write.caller = caller;
        try {
            while (true) {
                try {
                    core.mutate("write", write);
                    return write.length;
                } catch (FsException e) {
                    int done = write.progress.doneBytes;
                    if (e.errno() != Errno.ENOSPC || done == 0 || done >= write.length) {
                        throw e;
                    }
                    write.length = done;
                }
            }
        } finally {
            write.forget();
        }
    }

    /** A write's transaction. One for each thread, as for {@link #buffers}. */
    private static final class WriteStep implements VolumeCore.Mutation {
        private final FileContent.Progress progress = new FileContent.Progress();
        private DataOperations operations;
        private Inode inode;
        private long offset;
        private UserBuffer buffer;
        private int length;
        private Caller caller;

        @Override
        public void run(Transaction tx) throws FsException {
            operations.core.content.write(tx, inode, offset, buffer, length, progress);
            operations.noteWritten(tx, inode, caller);
        }

        /** Threads outlive volumes, which are not to be kept by them. */
        private void forget() {
            operations = null;
            inode = null;
            buffer = null;
            caller = null;
        }
    }

    /** Sets the size; the inode is locked exclusively, and the orphan directory if it is a step. */
    void truncateLocked(LockedInodes locked, Inode inode, long sizeBytes, Caller caller)
            throws FsException {
        VolumeCore.checkRegular(inode);
        VolumeCore.refuseFlags(inode, InodeFlags.IMMUTABLE | InodeFlags.APPEND);
        if (sizeBytes < 0 || sizeBytes > Geometry.MAX_FILE_BYTES) {
            throw new FsException(sizeBytes < 0 ? Errno.EINVAL : Errno.EFBIG, "size=" + sizeBytes);
        }
        if (sizeBytes >= inode.sizeBytes()) {
            growLocked(inode, sizeBytes, caller);
        } else {
            shrinkLocked(locked, inode, sizeBytes, caller);
        }
    }

    private void growLocked(Inode inode, long sizeBytes, Caller caller) throws FsException {
        if (core.content.growthNeedsCommit(inode, sizeBytes, core.journal.durableTid())) {
            core.journal.commit(inode.dataChangedTid(), CommitCause.PRESSURE);
        }
        core.mutate(
                "truncate",
                tx -> {
                    if (sizeBytes > inode.sizeBytes()) {
                        core.content.grow(tx, inode, sizeBytes);
                    }
                    noteWritten(tx, inode, caller);
                });
    }

    private void shrinkLocked(LockedInodes locked, Inode inode, long sizeBytes, Caller caller)
            throws FsException {
        long endBlock = sizeBytes + Geometry.BLOCK_BYTES - 1 >>> Geometry.BLOCK_SHIFT;
        long budget = core.reclaimer.budget();
        boolean oneStep = core.reclaimer.isSmall(inode, endBlock);
        if (!oneStep) {
            locked.lockOrphans();
        }
        core.mutateFreeing(
                "truncate",
                tx -> {
                    if (!oneStep) {
                        core.reclaimer.enter(tx, inode);
                    }
                    core.content.shrink(tx, inode, sizeBytes, budget);
                    noteWritten(tx, inode, caller);
                });
        if (!oneStep) {
            core.reclaimer.freeInSteps(inode, sizeBytes);
            core.mutateFreeing("truncate", tx -> core.reclaimer.leave(tx, inode));
        }
    }

    void fsync(long number, boolean datasync) throws FsException {
        Inode inode = core.pin(number);
        try {
            makeDurable(inode, datasync, CommitCause.FSYNC);
        } finally {
            core.unpin(inode);
        }
    }

    /** Data was flushed when it was stored; what is missing is a drain, alone or in a commit. */
    private void makeDurable(Inode inode, boolean datasync, CommitCause cause) throws FsException {
        long tid = datasync ? inode.dataChangedTid() : inode.changedTid();
        if (!core.journal.commit(tid, cause)) {
            core.region.drain();
        }
    }

    boolean commitInode(long number, CommitCause cause) throws FsException {
        Inode inode = core.pin(number);
        try {
            return core.journal.commit(inode.dataChangedTid(), cause);
        } finally {
            core.unpin(inode);
        }
    }

    long seek(long number, long offset, boolean data) throws FsException {
        Inode inode = core.pin(number);
        try {
            long stamp = inode.lock().readLock();
            try {
                VolumeCore.checkRegular(inode);
                return seekLocked(inode, offset, data);
            } finally {
                inode.lock().unlockRead(stamp);
            }
        } finally {
            core.unpin(inode);
        }
    }

    /** Unwritten extents are holes to SEEK_DATA: no store has reached them. */
    private long seekLocked(Inode inode, long offset, boolean data) throws FsException {
        long size = inode.sizeBytes();
        if (offset < 0 || offset >= size) {
            throw new FsException(Errno.ENXIO, "offset=" + offset + " size=" + size);
        }
        ExtentMap.Mapping mapping = new ExtentMap.Mapping();
        long block = offset >>> Geometry.BLOCK_SHIFT;
        while (block << Geometry.BLOCK_SHIFT < size) {
            core.content.map().find(inode, block, mapping);
            boolean hasData = !mapping.isHole() && !mapping.unwritten;
            if (hasData == data) {
                return Math.max(offset, block << Geometry.BLOCK_SHIFT);
            }
            block += mapping.lengthBlocks;
        }
        if (data) {
            throw new FsException(Errno.ENXIO, "no data behind offset=" + offset);
        }
        return size;
    }

    void extents(long number, long fromLogicalBlock, ExtentVisitor visitor) throws FsException {
        Inode inode = core.pin(number);
        try {
            long stamp = inode.lock().readLock();
            try {
                VolumeCore.checkLive(inode);
                boolean longLink =
                        inode.isSymlink() && inode.sizeBytes() > InodeLayout.PAYLOAD_BYTES;
                if (inode.isRegular() || longLink) {
                    visitExtents(inode, fromLogicalBlock, visitor);
                }
            } finally {
                inode.lock().unlockRead(stamp);
            }
        } finally {
            core.unpin(inode);
        }
    }

    private void visitExtents(Inode inode, long fromLogicalBlock, ExtentVisitor visitor)
            throws FsException {
        TreeRecord record = new TreeRecord();
        long at = fromLogicalBlock;
        while (core.content.map().extentAtOrAfter(inode, at, record)) {
            long length = PackedExtent.length(record.value);
            if (!visitor.extent(
                    record.key,
                    PackedExtent.start(record.value),
                    length,
                    PackedExtent.unwritten(record.value))) {
                return;
            }
            at = record.key + length;
        }
    }
}
