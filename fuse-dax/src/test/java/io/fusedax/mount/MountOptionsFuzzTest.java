package io.fusedax.mount;

import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.nio.charset.StandardCharsets;

/** Any text as a mount option: it is refused with a message, or what it sets is within bounds. */
class MountOptionsFuzzTest {
    @FuzzTest
    void anyOptionIsRefusedOrWithinBounds(byte[] bytes) {
        MountOptions.Builder builder = MountOptions.builder();
        for (String option : new String(bytes, StandardCharsets.UTF_8).split(",")) {
            try {
                builder.accept(option);
            } catch (IllegalArgumentException e) {
                assertTrue(e.getMessage() != null && !e.getMessage().isBlank(), option);
            }
        }
        check(builder.build());
    }

    private static void check(MountOptions options) {
        assertTrue(options.threads() >= 2 && options.threads() <= 256);
        checkSeconds(options.attributeTimeoutSeconds());
        checkSeconds(options.entryTimeoutSeconds());
        checkSeconds(options.negativeTimeoutSeconds());
        int fault = options.faultBytes();
        assertTrue(fault == 0 || Integer.bitCount(fault) == 1 && fault >= 4096 && fault <= 2 << 20);
        assertNotNull(options.dax());
        assertNotNull(options.direct());
        assertNotNull(options.sourceName());
        assertNotNull(options.transport());
    }

    private static void checkSeconds(double seconds) {
        assertTrue(seconds >= 0 && seconds <= MountOptions.UNLIMITED_SECONDS);
    }
}
