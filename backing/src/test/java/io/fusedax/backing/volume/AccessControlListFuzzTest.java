package io.fusedax.backing.volume;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.fusedax.backing.FsException;
import java.util.Set;
import jnr.constants.platform.Errno;

/** Any bytes as the value of an ACL's extended attribute: it is refused, or keeps its promises. */
class AccessControlListFuzzTest {
    private static final Set<Errno> REFUSALS = Set.of(Errno.EINVAL, Errno.EOPNOTSUPP);

    @FuzzTest
    void anyValueIsRefusedOrAnAccessControlList(byte[] value) throws FsException {
        byte[] given = value.clone();
        AccessControlList list;
        try {
            list = AccessControlList.of(value);
        } catch (FsException e) {
            assertTrue(REFUSALS.contains(e.errno()), e.getMessage());
            return;
        }
        assertArrayEquals(given, list.value());
        for (int mode = 0; mode <= 0777; mode += 0111) {
            AccessControlList child = AccessControlList.of(value);
            assertEquals(child.restrict(mode), child.mode());
            assertEquals(0, child.mode() & ~(list.mode() & mode), "more than was asked for");
            assertArrayEquals(child.value(), AccessControlList.of(child.value()).value());
        }
        list.setMode(0653);
        assertEquals(0653, list.mode());
        assertArrayEquals(given, value, "the caller's array is not the list's");
    }
}
