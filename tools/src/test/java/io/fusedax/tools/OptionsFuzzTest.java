package io.fusedax.tools;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Any text where a person writes sizes or -o options: a message, or what is within bounds. */
final class OptionsFuzzTest {
    private static void checkMessage(IllegalArgumentException e, String text) {
        assertTrue(e.getMessage() != null && !e.getMessage().isBlank(), text);
    }

    @FuzzTest
    void anySizeIsRefusedOrPositive(byte[] bytes) {
        String text = new String(bytes, StandardCharsets.UTF_8);
        long size;
        try {
            size = Sizes.parse(text);
        } catch (IllegalArgumentException e) {
            checkMessage(e, text);
            return;
        }
        assertTrue(size > 0, text);
        assertEquals(size, Sizes.parse(Long.toString(size)), text);
        long shown = Sizes.parse(Sizes.human(size).replace(" ", ""));
        assertTrue(Math.abs((double) shown - size) <= 0.05001 * size, text);
    }

    @FuzzTest
    void anyOptionsAreRefusedOrWithinBounds(byte[] bytes) {
        String text = new String(bytes, StandardCharsets.UTF_8);
        MountSettings settings;
        try {
            settings = MountOption.parse(List.of(text));
        } catch (IllegalArgumentException e) {
            checkMessage(e, text);
            return;
        }
        assertTrue(settings.commitSeconds >= 1 && settings.commitSeconds <= 86_400, text);
        assertTrue(settings.cacheBytes >= 1 << 20, text);
        assertTrue(settings.inodes >= 64 && settings.inodes <= 1 << 26, text);
        assertTrue(settings.threads == 0 || settings.threads >= 2 && settings.threads <= 256, text);
        assertTrue(settings.attributeTimeoutSeconds >= 0, text);
        assertTrue(settings.entryTimeoutSeconds >= 0, text);
        assertTrue(settings.negativeTimeoutSeconds >= 0, text);
        assertTrue(!settings.allowOther || !settings.allowRoot, text);
        assertNotNull(settings.toString());
        assertNotNull(settings.kernelFlagOptions(true));
    }
}
