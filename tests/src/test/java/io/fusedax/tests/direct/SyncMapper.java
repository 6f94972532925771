package io.fusedax.tests.direct;

import java.io.IOException;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import jdk.nio.mapmode.ExtendedMapMode;

/**
 * A Java program with a synchronous mapping, run by {@link JavaMappingIT} in a JVM of its own:
 * {@code run FILE} stores records and forces each, {@code check FILE N} looks for the first N.
 */
final class SyncMapper {
    private static final int RECORD_BYTES = 1024;
    private static final int RECORDS = 32 * 1024;

    private SyncMapper() {}

    public static void main(String[] arguments) throws IOException {
        try (FileChannel channel =
                FileChannel.open(
                        Path.of(arguments[1]),
                        StandardOpenOption.CREATE,
                        StandardOpenOption.READ,
                        StandardOpenOption.WRITE)) {
            MappedByteBuffer buffer =
                    channel.map(ExtendedMapMode.READ_WRITE_SYNC, 0, (long) RECORDS * RECORD_BYTES);
            if (arguments[0].equals("run")) {
                run(buffer);
            } else {
                check(buffer, Integer.parseInt(arguments[2]));
            }
        }
    }

    private static void run(MappedByteBuffer buffer) {
        for (int i = 1; i < RECORDS; i++) {
            // Records are spread, so that each is the first store to some page for a long time.
            int at = place(i);
            buffer.putInt(at, i);
            buffer.putInt(at + RECORD_BYTES - Integer.BYTES, ~i);
            buffer.force(at, RECORD_BYTES);
            System.out.println("forced " + i);
        }
    }

    private static void check(MappedByteBuffer buffer, int least) {
        for (int i = 1; i <= least; i++) {
            int at = place(i);
            int first = buffer.getInt(at);
            int second = buffer.getInt(at + RECORD_BYTES - Integer.BYTES);
            if (first != i || second != ~i) {
                throw new AssertionError("record " + i + " of " + least + ": " + first);
            }
        }
        System.out.println("found " + least);
    }

    private static int place(int record) {
        return record * 4097 % RECORDS * RECORD_BYTES;
    }
}
