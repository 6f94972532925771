package io.fusedax.backing.volume;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.fusedax.backing.FsException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** POSIX ACLs beside the mode, and files without a name. */
class AccessControlListTest {
    private static final String TAGS = "uUgGmo"; // in the order of their bits

    private final TestVolume volume = open();

    private static TestVolume open() {
        try {
            return new TestVolume(16 << 20);
        } catch (FsException e) {
            throw new AssertionError(e);
        }
    }

    private long directory;

    @BeforeEach
    void makeDirectory() throws FsException {
        directory = volume.mkdir(Volume.ROOT_INODE, "directory");
    }

    @AfterEach
    void close() throws FsException {
        volume.close();
    }

    /** An ACL of entries TAG:PERMISSIONS[:ID]; tags u and g are the owners, U and G named ones. */
    static byte[] acl(String... entries) {
        ByteBuffer bytes =
                ByteBuffer.allocate(4 + 8 * entries.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putInt(2);
        for (String entry : entries) {
            String[] parts = entry.split(":");
            bytes.putShort((short) (1 << TAGS.indexOf(parts[0])));
            bytes.putShort(Short.parseShort(parts[1]));
            bytes.putInt(parts.length > 2 ? Integer.parseInt(parts[2]) : -1);
        }
        return bytes.array();
    }

    private void set(long inode, byte[] name, String... entries) throws FsException {
        volume.volume.setAcl(inode, name, acl(entries), false);
    }

    private byte[] get(long inode, byte[] name) throws FsException {
        return volume.volume.getxattr(inode, name);
    }

    private void assertErrno(Errno expected, org.junit.jupiter.api.function.Executable call) {
        assertEquals(expected, assertThrows(FsException.class, call).errno());
    }

    private void chmod(long inode, int mode) throws FsException {
        volume.volume.setattr(
                inode, new SetAttributes().mode(mode), Caller.ROOT, new InodeAttributes());
    }

    @Test
    void theModeShowsTheMask() throws FsException {
        long file = volume.create(directory, "file");
        set(file, AccessControlList.ACCESS, "u:6", "U:7:5", "g:4", "m:5", "o:0");
        assertEquals(0100650, volume.stat(file).mode);
        chmod(file, 0640);
        assertArrayEquals(
                acl("u:6", "U:7:5", "g:4", "m:4", "o:0"), get(file, AccessControlList.ACCESS));
    }

    @Test
    void anAclThatIsAModeIsOnlyTheMode() throws FsException {
        long file = volume.create(directory, "file");
        set(file, AccessControlList.ACCESS, "u:6", "U:7:5", "g:4", "m:5", "o:0");
        set(file, AccessControlList.ACCESS, "u:7", "g:1", "o:2");
        assertEquals(0100712, volume.stat(file).mode);
        assertErrno(Errno.ENODATA, () -> get(file, AccessControlList.ACCESS));
    }

    @Test
    void newInodesInheritTheDefaultAcl() throws FsException {
        set(directory, AccessControlList.DEFAULT, "u:7", "U:7:5", "g:5", "m:7", "o:5");
        Caller caller = new Caller(1, 1, 0777); // its umask does not count
        long file = volume.volume.mknod(directory, new byte[] {'f'}, 0, 1, 0100640, 0, caller);
        assertEquals(0100640, volume.stat(file).mode);
        assertArrayEquals(
                acl("u:6", "U:7:5", "g:5", "m:4", "o:0"), get(file, AccessControlList.ACCESS));
        assertErrno(Errno.ENODATA, () -> get(file, AccessControlList.DEFAULT));
        long sub = volume.volume.mkdir(directory, new byte[] {'d'}, 0, 1, 0777, caller);
        assertEquals(040775, volume.stat(sub).mode);
        assertArrayEquals(
                get(directory, AccessControlList.DEFAULT), get(sub, AccessControlList.DEFAULT));
    }

    @Test
    void withoutADefaultAclTheUmaskCounts() throws FsException {
        Caller caller = new Caller(1, 1, 027);
        long file = volume.volume.mknod(directory, new byte[] {'f'}, 0, 1, 0100666, 0, caller);
        assertEquals(0100640, volume.stat(file).mode);
    }

    @Test
    void badAclsAreRefused() throws FsException {
        long file = volume.create(directory, "file");
        String[][] bad = {
            {"u:6", "g:4"},
            {"u:6", "u:6", "g:4", "o:0"},
            {"u:6", "U:7:5", "g:4", "o:0"},
            {"g:4", "u:6", "o:0"},
            {"u:9", "g:4", "o:0"},
        };
        for (String[] entries : bad) {
            assertErrno(Errno.EINVAL, () -> set(file, AccessControlList.ACCESS, entries));
        }
        assertErrno(Errno.EACCES, () -> set(file, AccessControlList.DEFAULT, "u:6", "g:4", "o:0"));
        byte[] newer = acl("u:6", "g:4", "o:0");
        newer[0] = 3;
        assertErrno(
                Errno.EOPNOTSUPP,
                () -> volume.volume.setAcl(file, AccessControlList.ACCESS, newer, false));
    }

    @Test
    void removingAnAbsentAclIsNothing() throws FsException {
        long file = volume.create(directory, "file");
        volume.volume.setAcl(file, AccessControlList.ACCESS, new byte[0], false);
        assertEquals(0100644, volume.stat(file).mode);
    }

    @Test
    void aFileWithoutANameGetsOneIfItMay() throws FsException {
        long file = volume.volume.tmpfile(directory, 0100600, true, Caller.ROOT);
        assertEquals(0, volume.stat(file).linkCount);
        volume.link(file, directory, "named");
        volume.volume.release(file);
        assertEquals(1, volume.stat(file).linkCount);
        long other = volume.volume.tmpfile(directory, 0100600, false, Caller.ROOT);
        assertErrno(Errno.ENOENT, () -> volume.link(other, directory, "never"));
        volume.volume.release(other);
        assertErrno(Errno.ESTALE, () -> volume.stat(other));
        volume.unlink(directory, "named");
        assertErrno(Errno.ESTALE, () -> volume.stat(file));
    }

    @Test
    void aFileWithoutANameIsGoneAfterACrash() throws FsException {
        long used = volume.volume.statfs().usedInodes();
        volume.volume.tmpfile(directory, 0100600, true, Caller.ROOT);
        volume.volume.sync(io.fusedax.backing.journal.CommitCause.SYNC);
        volume.crash();
        assertEquals(used, volume.volume.statfs().usedInodes());
    }
}
