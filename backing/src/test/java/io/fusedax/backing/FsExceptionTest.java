package io.fusedax.backing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;

import java.io.IOException;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.Test;

class FsExceptionTest {
    @Test
    void carriesItsErrnoAndNoStackTrace() {
        FsException e = new FsException(Errno.ENOENT, "name=foo");
        assertEquals(Errno.ENOENT, e.errno());
        assertEquals("name=foo", e.getMessage());
        assertEquals("FsException: ENOENT: name=foo", e.toString());
        assertEquals(0, e.getStackTrace().length);
    }

    @Test
    void keepsItsCause() {
        IOException cause = new IOException("disk");
        assertSame(cause, new FsException(Errno.EIO, "read", cause).getCause());
    }
}
