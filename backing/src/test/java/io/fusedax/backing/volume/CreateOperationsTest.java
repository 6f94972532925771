package io.fusedax.backing.volume;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.fusedax.backing.FsException;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What mode an inode is made with, whatever the caller asks for: fsck knows no other. */
class CreateOperationsTest {
    private static final long ROOT = Volume.ROOT_INODE;
    private static final int ABOVE_A_MODE = 0x10000;

    @Test
    void withoutATypeMknodMakesARegularFile() throws FsException {
        try (TestVolume v = new TestVolume(1 << 20)) {
            byte[] name = TestVolume.bytes("node");
            int mode = ABOVE_A_MODE | 0601;
            long inode = v.volume.mknod(ROOT, name, 0, name.length, mode, 0, Caller.ROOT);
            assertEquals(0100601, v.stat(inode).mode);
        }
    }

    @ParameterizedTest
    @CsvSource({"EPERM, 4", "EINVAL, 10", "EINVAL, 15", "EINVAL, 5"})
    void whatMknodCannotMakeIsRefused(Errno errno, int type) throws FsException {
        try (TestVolume v = new TestVolume(1 << 20)) {
            byte[] name = TestVolume.bytes("node");
            int mode = type << 12 | 0644;
            FsException e =
                    assertThrows(
                            FsException.class,
                            () -> v.volume.mknod(ROOT, name, 0, name.length, mode, 0, Caller.ROOT));
            assertEquals(errno, e.errno());
        }
    }
}
