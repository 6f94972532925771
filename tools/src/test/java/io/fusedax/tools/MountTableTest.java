package io.fusedax.tools;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

final class MountTableTest {
    private static final List<String> LINES =
            List.of(
                    "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw",
                    "40 22 0:45 / /mnt/a rw,nosuid shared:1 - fuse.fusedax /srv/a.img rw,user_id=0",
                    "41 22 0:46 / /mnt/with\\040blank rw - fuse.fusedax"
                            + " /srv/with\\040blank\\134.img rw",
                    "42 22 0:47 / /mnt/other rw - fuse.sshfs host:/ rw",
                    "43 40 7:2 / /mnt/a ro,nodev - fuseblk.fusedax /srv/c.img ro",
                    "garbage");

    private final MountTable table = MountTable.parse(LINES);

    @Test
    void onlyOurMountsCount() {
        assertEquals(3, table.entries().size());
    }

    @Test
    void theTopmostMountIsFound() {
        MountTable.Entry entry = table.at(Path.of("/mnt/a")).orElseThrow();
        assertEquals("/srv/c.img", entry.source());
        assertEquals("7:2", entry.device());
        assertEquals("ro,nodev", entry.options());
    }

    @Test
    void escapesAreUndone() {
        assertEquals(
                Path.of("/mnt/with blank"),
                table.ofRegion(Path.of("/srv/with blank\\.img")).orElseThrow().directory());
    }

    @Test
    void pathsBelowLeadToTheMount() {
        assertEquals(
                "/srv/c.img", table.containing(Path.of("/mnt/a/deep/er")).orElseThrow().source());
        assertTrue(table.containing(Path.of("/mnt/abc")).isEmpty());
        assertTrue(table.at(Path.of("/mnt/other")).isEmpty());
    }
}
