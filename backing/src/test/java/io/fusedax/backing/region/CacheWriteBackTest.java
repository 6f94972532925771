package io.fusedax.backing.region;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Whether a line got anywhere cannot be seen; that the calls are made and leave content alone can.
 */
class CacheWriteBackTest {
    private static final int SIZE_BYTES = 3 << 20;

    static Stream<FlushMechanism> mechanisms() {
        return Stream.of(FlushMechanism.LIBPMEM, FlushMechanism.JDK);
    }

    private static CacheWriteBack lines(FlushMechanism mechanism) throws Exception {
        if (mechanism == FlushMechanism.JDK) {
            return CacheWriteBack.jdk();
        }
        try {
            return CacheWriteBack.libpmem();
        } catch (LinkageError e) {
            return Assumptions.abort("libpmem1 is not installed: " + e.getMessage());
        }
    }

    @ParameterizedTest
    @MethodSource("mechanisms")
    void anyRangeCanBeWrittenBack(FlushMechanism mechanism) throws Exception {
        CacheWriteBack lines = lines(mechanism);
        assertEquals(mechanism, lines.mechanism());
        try (MappedRegion region = TestRegions.create(RegionKind.MEMFD, SIZE_BYTES)) {
            for (int length : new int[] {0, 1, 63, 64, 65, 4096, 1 << 20, SIZE_BYTES - 7}) {
                region.putInt(7, length);
                lines.persist(region.address() + 7, length);
                assertEquals(length, region.getInt(7));
            }
        }
    }

    @Test
    void thisMachineHasOne() throws Exception {
        assertTrue(CacheWriteBack.best().mechanism().ordinal() >= FlushMechanism.LIBPMEM.ordinal());
    }
}
