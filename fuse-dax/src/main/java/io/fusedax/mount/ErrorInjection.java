package io.fusedax.mount;

import io.fusedax.backing.FsException;
import io.fusedax.backing.region.MediaErrorException;
import io.fusedax.backing.volume.Volume;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import jnr.constants.platform.Errno;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Marks units of the region bad while programs use it. From the answer on every access to them
 * fails: what the kernel keeps of them is written back and dropped before, and mappings of their
 * pages are revoked after they are marked, so that the next access comes by a READ or a fault.
 */
final class ErrorInjection {
    private static final Logger LOG = LoggerFactory.getLogger(ErrorInjection.class);
    private static final long BLOCK_BYTES = 4096;

    private final MountState state;
    private final Volume volume;
    private final Device device;

    ErrorInjection(MountState state, Device device) {
        this.state = state;
        this.volume = state.volume;
        this.device = device;
    }

    /** A part of a file that lies in the range, in bytes. */
    private record Affected(long nodeId, long inode, long offset, long lengthBytes) {}

    /**
     * Reads and checks an INJECT_ERROR.
     *
     * @return what it asks for, to be run where READs and WRITEs may be waited for
     */
    SlowLane.Change prepare(RequestContext request, long in) throws FsException {
        if (request.uid() != 0 && request.uid() != state.ownerUid) {
            throw new FsException(Errno.EPERM, "inject errors: neither root nor the mount's owner");
        }
        long offset = Memory.getLong(in + ControlProtocol.InjectError.OFFSET);
        long length = Memory.getLong(in + ControlProtocol.InjectError.LENGTH);
        if (offset < 0 || length <= 0 || offset > volume.regionBytes() - length) {
            throw new FsException(
                    Errno.EINVAL, "inject errors: offset=" + offset + " length_bytes=" + length);
        }
        int flags = Memory.getInt(in + ControlProtocol.InjectError.FLAGS);
        if ((flags & ControlProtocol.InjectError.FLAG_CLEAR) != 0) {
            return () -> clear(offset, length);
        }
        return () -> inject(offset, length);
    }

    private void clear(long offset, long length) {
        volume.badBlocks().clear(offset, length);
        LOG.info("errors_cleared offset={} length_bytes={}", offset, length);
    }

    /** Who is affected is found out before: afterwards their block maps may be unreadable. */
    private void inject(long offset, long length) throws FsException {
        List<Affected> cached = new ArrayList<>();
        state.nodes.visit((nodeId, inode) -> find(nodeId, inode, offset, length, cached));
        Set<Affected> mapped = findMapped(offset, length);
        dropPages(cached);
        volume.badBlocks().mark(offset, length);
        LOG.warn("errors_injected offset={} length_bytes={}", offset, length);
        mapped.addAll(findMapped(offset, length)); // and whoever came meanwhile
        for (Affected file : mapped) {
            long end = file.offset() + file.lengthBytes();
            state.mappings.change(file.inode(), file.offset(), end, () -> {});
        }
        dropPages(cached);
    }

    private Set<Affected> findMapped(long offset, long length) {
        List<Affected> found = new ArrayList<>();
        for (long inode : state.mappings.mappedInodes()) {
            find(0, inode, offset, length, found);
        }
        return new LinkedHashSet<>(found);
    }

    private void dropPages(List<Affected> cached) {
        for (Affected file : cached) {
            device.invalidatePages(file.nodeId(), file.offset(), file.lengthBytes());
        }
    }

    /** The parts of a file whose blocks have a part in a range of the region. */
    private void find(long nodeId, long inode, long offset, long length, List<Affected> found) {
        long from = offset & -BLOCK_BYTES;
        long end = offset + length;
        try {
            volume.extents(
                    inode,
                    0,
                    (logicalBlock, physicalBlock, lengthBlocks, unwritten) -> {
                        long physical = physicalBlock * BLOCK_BYTES;
                        long first = Math.max(physical, from);
                        long last = Math.min(physical + lengthBlocks * BLOCK_BYTES, end);
                        if (first < last) {
                            long inFile = logicalBlock * BLOCK_BYTES + first - physical;
                            found.add(new Affected(nodeId, inode, inFile, last - first));
                        }
                        return true;
                    });
        } catch (FsException | MediaErrorException e) {
            // Gone meanwhile, with its pages; or damaged, which is for whoever needs it to find.
            LOG.debug("errors_not_looked_for inode={}: {}", inode, e.getMessage());
        }
    }
}
