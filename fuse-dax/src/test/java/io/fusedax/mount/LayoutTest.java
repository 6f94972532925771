package io.fusedax.mount;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.Counter;
import io.fusedax.backing.Counters;
import io.fusedax.backing.volume.InodeAttributes;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

/** Sizes and offsets as the C compiler computes them from linux/fuse.h, fuse.h and stat.h. */
class LayoutTest {
    @Test
    void requestsAreAsTheKernelLaysThemOut() {
        assertEquals(40, RequestLayout.Header.SIZE_BYTES);
        assertEquals(88, RequestLayout.Setattr.SIZE_BYTES);
        assertEquals(68, RequestLayout.Setattr.MODE);
        assertEquals(76, RequestLayout.Setattr.UID);
        assertEquals(8, RequestLayout.Open.SIZE_BYTES);
        assertEquals(16, RequestLayout.Create.SIZE_BYTES);
        assertEquals(40, RequestLayout.Read.SIZE_BYTES);
        assertEquals(40, RequestLayout.Write.SIZE_BYTES);
        assertEquals(32, RequestLayout.Write.FLAGS);
        assertEquals(16, RequestLayout.Fsync.SIZE_BYTES);
        assertEquals(32, RequestLayout.Fallocate.SIZE_BYTES);
        assertEquals(24, RequestLayout.Lseek.SIZE_BYTES);
        assertEquals(32, RequestLayout.Ioctl.SIZE_BYTES);
        assertEquals(8, RequestLayout.Setxattr.SIZE_BYTES);
        assertEquals(8, RequestLayout.Getxattr.SIZE_BYTES);
        assertEquals(8, RequestLayout.BatchForget.SIZE_BYTES);
        assertEquals(16, RequestLayout.ForgetOne.SIZE_BYTES);
        assertEquals(16, RequestLayout.Mknod.SIZE_BYTES);
        assertEquals(8, RequestLayout.Mkdir.SIZE_BYTES);
        assertEquals(16, RequestLayout.Rename2.SIZE_BYTES);
        assertEquals(24, RequestLayout.Statx.SIZE_BYTES);
        assertEquals(56, RequestLayout.CopyFileRange.SIZE_BYTES);
        assertEquals(16, RequestLayout.SetxattrExtended.SIZE_BYTES);
        assertEquals(24, RequestLayout.Release.SIZE_BYTES);
        assertEquals(8, RequestLayout.Forget.SIZE_BYTES);
        assertEquals(8, RequestLayout.Interrupt.SIZE_BYTES);
    }

    @Test
    void repliesAreAsTheKernelLaysThemOut() {
        assertEquals(16, ReplyLayout.Header.SIZE_BYTES);
        assertEquals(24, ReplyLayout.Init.LIBFUSE_SIZE_BYTES);
        assertEquals(64, ReplyLayout.Init.SIZE_BYTES);
        assertEquals(88, ReplyLayout.Attributes.SIZE_BYTES);
        assertEquals(104, ReplyLayout.Attr.SIZE_BYTES);
        assertEquals(128, ReplyLayout.Entry.SIZE_BYTES);
        assertEquals(8, ReplyLayout.Write.SIZE_BYTES);
        assertEquals(80, ReplyLayout.Statfs.SIZE_BYTES);
        assertEquals(16, ReplyLayout.Ioctl.SIZE_BYTES);
        assertEquals(24, ReplyLayout.Dirent.NAME);
        assertEquals(32, ReplyLayout.Dirent.sizeBytes(1));
        assertEquals(32, ReplyLayout.Dirent.sizeBytes(8));
        assertEquals(40, ReplyLayout.Dirent.sizeBytes(9));
        assertEquals(24, ReplyLayout.InvalidateInode.SIZE_BYTES);
        assertEquals(288, ReplyLayout.Statx.SIZE_BYTES);
        assertEquals(32, ReplyLayout.Statx.STATX);
        assertEquals(32 + 28, ReplyLayout.Statx.MODE);
        assertEquals(32 + 64, ReplyLayout.Statx.ATIME);
        assertEquals(32 + 128, ReplyLayout.Statx.RDEV_MAJOR);
        assertEquals(152, ReplyLayout.DirentPlus.DIRENT + ReplyLayout.Dirent.NAME);
    }

    @Test
    void fileInfoIsLibfuses() {
        assertEquals(20, FileInfo.BITS);
        assertEquals(24, FileInfo.HANDLE);
        assertEquals(40, FileInfo.SIZE_BYTES);
    }

    @Test
    void statIsFilledWhereCProgramsReadIt() {
        org.junit.jupiter.api.Assumptions.assumeTrue(System.getProperty("os.arch").equals("amd64"));
        InodeAttributes attributes = new InodeAttributes();
        attributes.inode = 11;
        attributes.mode = 0100644;
        attributes.linkCount = 3;
        attributes.sizeBytes = 1L << 40;
        attributes.atimeSeconds = -5;
        attributes.mtimeNanos = 7;
        attributes.ctimeSeconds = 9;
        long stat = Memory.allocate(144);
        try {
            Attributes.putStat(stat, attributes);
            assertEquals(11, Memory.getLong(stat + 8));
            assertEquals(3, Memory.getLong(stat + 16));
            assertEquals(0100644, Memory.getInt(stat + 24));
            assertEquals(1L << 40, Memory.getLong(stat + 48));
            assertEquals(-5, Memory.getLong(stat + 72));
            assertEquals(7, Memory.getLong(stat + 96));
            assertEquals(9, Memory.getLong(stat + 104));
        } finally {
            Memory.free(stat);
        }
    }

    @Test
    void requestAndReplyDataArePageAligned() {
        RequestContext request = new RequestContext((d, n, o, l) -> 0, 2);
        try {
            long writeData = request.requestBody + RequestLayout.Write.SIZE_BYTES;
            assertEquals(0, writeData % 4096);
            assertEquals(0, request.replyBody % 4096);
            assertTrue(request.request + RequestContext.REQUEST_BYTES <= request.reply);
        } finally {
            request.free();
        }
    }

    @Test
    void controlStructuresFitTheirNumbers() {
        assertEquals(64, ControlProtocol.Hello.SIZE_BYTES);
        assertEquals(16, ControlProtocol.Range.SIZE_BYTES);
        assertEquals(32, ControlProtocol.Extent.SIZE_BYTES);
        assertEquals(8, ControlProtocol.CommitInode.SIZE_BYTES);
        assertTrue(
                ControlProtocol.Extents.ENTRIES
                                + ControlProtocol.Extents.MAX_COUNT
                                        * ControlProtocol.Extent.SIZE_BYTES
                        <= ControlProtocol.Extents.SIZE_BYTES);
        assertTrue(ControlProtocol.Extents.SIZE_BYTES <= ControlProtocol.MAX_ARGUMENT_BYTES);
        assertTrue(ControlProtocol.Statistics.SIZE_BYTES <= ControlProtocol.MAX_ARGUMENT_BYTES);
    }

    /** A client built from an older checkout must still be understood. */
    @Test
    void controlNumbersNeverChange() {
        assertEquals(0x8040DA00, ControlProtocol.HELLO);
        assertEquals(0xA000DA01, ControlProtocol.STATISTICS);
        assertEquals(0x0000DA02, ControlProtocol.SYNC);
        assertEquals(0x8008DA03, ControlProtocol.COMMIT_INODE);
        assertEquals(0x4010DA04, ControlProtocol.COLLAPSE_RANGE);
        assertEquals(0x4010DA05, ControlProtocol.INSERT_RANGE);
        assertEquals(0xE000DA06, ControlProtocol.EXTENTS);
        assertEquals(0xC020DA07, ControlProtocol.ATTACH);
        assertEquals(0xC068DA08, ControlProtocol.FAULT);
        assertEquals(0x4010DA09, ControlProtocol.DETACH);
        assertEquals(0xA000DA0A, ControlProtocol.FILE_STATISTICS);
        byte[] magic = new byte[8];
        for (int i = 0; i < magic.length; i++) {
            magic[i] = (byte) (ControlProtocol.MAGIC >>> 8 * i);
        }
        assertEquals("FUSEDAX\0", new String(magic, StandardCharsets.US_ASCII));
    }

    @Test
    void everyCounterFitsTheStatisticsAnswer() {
        int used = ControlProtocol.Statistics.ENTRIES;
        for (Counter counter : Counter.values()) {
            used += 2 + counter.key().length() + Long.BYTES;
        }
        int[] latencies = new int[1];
        new FaultStatistics(new Counters())
                .visitLatency((key, nanos) -> latencies[0] += 2 + key.length() + Long.BYTES);
        used += latencies[0];
        assertTrue(used <= ControlProtocol.Statistics.SIZE_BYTES, "bytes=" + used);
    }
}
