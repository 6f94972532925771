package io.fusedax.tools;

import com.sun.nio.file.ExtendedOpenOption;
import io.fusedax.backing.region.BadBlocks;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;

/**
 * Overwrites ranges of a block device: directly, since the page cache would read the pages first
 * that are overwritten in part, and these cannot be read.
 */
final class ZeroedRanges {
    private static final int PIECE_BYTES = 64 << 10;

    private ZeroedRanges() {}

    /**
     * @param ranges whole sectors
     */
    static void write(Path device, List<BadBlocks.Range> ranges) throws IOException {
        ByteBuffer zeros = ByteBuffer.allocateDirect(2 * PIECE_BYTES).alignedSlice(PIECE_BYTES);
        try (FileChannel channel =
                FileChannel.open(device, StandardOpenOption.WRITE, ExtendedOpenOption.DIRECT)) {
            for (BadBlocks.Range range : ranges) {
                long at = range.offset();
                long end = range.offset() + range.lengthBytes();
                while (at < end) {
                    zeros.position(0).limit((int) Math.min(PIECE_BYTES, end - at));
                    at += channel.write(zeros, at);
                }
            }
            channel.force(false);
        }
    }
}
