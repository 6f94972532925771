package io.fusedax.tests.direct;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.tests.support.Command;
import io.fusedax.tests.support.MountedVolume;
import io.fusedax.tests.support.Posix;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Who reaches the region through a mapping: the owner of the mount, as the descriptor allows. */
final class SecurityIT {
    private static final int NOBODY = 65534;
    private static final int BYTES = 16 * 4096;
    private static final int STORED_AT = 2 * 4096;
    private static final Set<String> CLEAR_ERRORS = Set.of("EOPNOTSUPP", "EACCES", "EPERM");

    private MountedVolume volume;
    private Path file;

    @BeforeEach
    void mount() {
        MountedVolume.assumeUsersMount(NOBODY);
        volume = MountedVolume.builder().mountOptions("dax=always,allow_other").mount();
        file = volume.resolve("file");
        int fd = Posix.create(file);
        byte[] content = new byte[BYTES];
        Arrays.fill(content, (byte) 'c');
        Posix.pwrite(fd, content, 0);
        Posix.fsync(fd);
        Posix.close(fd);
    }

    @AfterEach
    void unmount() {
        if (volume != null) {
            volume.close();
        }
    }

    /** Without this the other tests would prove nothing. */
    @Test
    void theOwnerMapsTheRegion() {
        Map<String, String> rows = rows(MapTest.maptest("security", file, volume.region(), "rw"));
        assertEquals("OK", rows.get("mmap MAP_SYNC"), rows.toString());
        assertEquals("ok", rows.get("store MAP_SYNC"), rows.toString());
        assertEquals("writable", rows.get("region mapping"), rows.toString());
        assertEquals('x', stored());
    }

    @Test
    void anotherUserNeverGetsTheRegion() {
        Posix.chmod(file, 0666);
        Map<String, String> rows =
                rows(MapTest.maptest("security", file, volume.region(), "rw").asUser(NOBODY));
        assertEquals("OK", rows.get("open"), rows.toString());
        assertEquals("none", rows.get("region descriptor"), rows.toString());
        assertEquals("none", rows.get("region mapping"), rows.toString());
        assertTrue(CLEAR_ERRORS.contains(rows.get("mmap MAP_SYNC")), rows.toString());
        String shared = rows.get("mmap MAP_SHARED");
        if (shared.equals("OK")) {
            assertEquals("ok", rows.get("store MAP_SHARED"), rows.toString());
            assertEquals('x', stored(), "the page cache's store");
        } else {
            assertTrue(CLEAR_ERRORS.contains(shared), rows.toString());
        }
    }

    @Test
    void anotherUserCannotOpenTheRegionItself() {
        assertNotEquals(
                0, Command.of("test", "-r", volume.region()).asUser(NOBODY).run().exitCode());
    }

    @Test
    void aReadOnlyDescriptorOfTheOwnerCannotStore() {
        cannotStore(MapTest.maptest("security", file, volume.region(), "ro"));
    }

    @Test
    void aReadOnlyDescriptorOfAnotherUserCannotStore() {
        Posix.chmod(file, 0644);
        Command reader = MapTest.maptest("security", file, volume.region(), "ro").asUser(NOBODY);
        Map<String, String> rows = cannotStore(reader);
        assertEquals("none", rows.get("region descriptor"), rows.toString());
        assertEquals("none", rows.get("region mapping"), rows.toString());
        Command writer = MapTest.maptest("security", file, volume.region(), "rw").asUser(NOBODY);
        assertEquals("EACCES", rows(writer).get("open"));
    }

    private Map<String, String> cannotStore(Command command) {
        Map<String, String> rows = rows(command);
        assertEquals("OK", rows.get("open"), rows.toString());
        assertEquals("EACCES", rows.get("mmap for writing"), rows.toString());
        for (String how : new String[] {"MAP_SHARED", "MAP_SYNC"}) {
            if (rows.get("mmap " + how).equals("OK")) {
                assertEquals("ok", rows.get("load " + how), rows.toString());
                assertEquals("SIGSEGV code 2", rows.get("store " + how), rows.toString());
                assertEquals("EACCES", rows.get("mprotect by the kernel " + how), rows.toString());
            }
        }
        assertNotEquals("writable", rows.get("region descriptor"), rows.toString());
        assertNotEquals("writable", rows.get("region mapping"), rows.toString());
        assertEquals('c', stored());
        return rows;
    }

    private int stored() {
        int fd = Posix.open(file, Posix.O_RDONLY);
        byte value = Posix.pread(fd, 1, STORED_AT)[0];
        Posix.close(fd);
        return value;
    }

    private static Map<String, String> rows(Command command) {
        Command.Result result = command.ok();
        System.out.println(result.out());
        return ReferenceTable.all(result.out(), " \\| ").rows();
    }
}
