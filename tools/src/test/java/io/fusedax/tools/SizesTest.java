package io.fusedax.tools;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class SizesTest {
    @ParameterizedTest
    @CsvSource({
        "4096, 4096",
        "1k, 1024",
        "512K, 524288",
        "1M, 1048576",
        "1G, 1073741824",
        "1.5G, 1610612736",
        "16T, 17592186044416",
        "1GiB, 1073741824",
        "1GB, 1073741824",
        "100B, 100",
        "7P, 7881299347898368"
    })
    void unitsAreOf1024(String text, long bytes) {
        assertEquals(bytes, Sizes.parse(text));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "G",
                "-1",
                "0",
                "0.0001",
                "1X",
                "1 G",
                "1GG",
                "0x10",
                "9223372036854775807K"
            })
    void whatIsNoSizeIsRefused(String text) {
        assertThrows(IllegalArgumentException.class, () -> Sizes.parse(text));
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0 B",
        "1023, 1023 B",
        "1024, 1 KiB",
        "1536, 1.5 KiB",
        "1073741824, 1 GiB",
        "17592186044416, 16 TiB"
    })
    void humanSizesHaveOneDecimalAtMost(long bytes, String text) {
        assertEquals(text, Sizes.human(bytes));
    }
}
