package io.fusedax.tools;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class MkfsCommandTest {
    private static final String UUID = "01234567-89ab-cdef-0123-456789abcdef";

    @TempDir Path directory;

    private Path region;
    private String err;

    @BeforeEach
    void name() {
        region = directory.resolve("region");
    }

    private int mkfs(String... options) {
        String[] args = new String[options.length + 2];
        args[0] = "mkfs";
        System.arraycopy(options, 0, args, 1, options.length);
        args[args.length - 1] = region.toString();
        StringWriter text = new StringWriter();
        int exitCode =
                FuseDax.run(new PrintWriter(new StringWriter()), new PrintWriter(text), args);
        err = text.toString();
        return exitCode;
    }

    @Test
    void aNewRegionIsSparseAndPrivate() throws IOException {
        assertEquals(0, mkfs("--size", "1G"), () -> err);
        assertEquals(1L << 30, Files.size(region));
        assertEquals(
                "rw-------",
                java.nio.file.attribute.PosixFilePermissions.toString(
                        Files.getPosixFilePermissions(region)));
    }

    @Test
    void aVolumeIsKeptAndNamed() throws IOException {
        mkfs("--size", "2M", "--label", "precious", "--uuid", UUID);
        byte[] before = Files.readAllBytes(region);
        for (String[] options : new String[][] {{}, {"--size", "2M"}, {"--size", "4M"}}) {
            assertEquals(1, mkfs(options));
            assertTrue(err.contains("label \"precious\", uuid " + UUID + "; --force"), err);
        }
        assertArrayEquals(before, Files.readAllBytes(region));
    }

    @Test
    void aDamagedVolumeIsKeptToo() throws IOException {
        mkfs("--size", "2M");
        byte[] bytes = Files.readAllBytes(region);
        bytes[100] ^= 1;
        bytes[bytes.length - 4096 + 100] ^= 1;
        Files.write(region, bytes);
        assertEquals(1, mkfs());
        assertTrue(err.contains("holds a volume, a damaged one; --force"), err);
    }

    @Test
    void otherDataIsKept() throws IOException {
        byte[] data = new byte[2 << 20];
        data[5000] = 1;
        Files.write(region, data);
        assertEquals(1, mkfs());
        assertTrue(err.contains("holds other data; --force overwrites it: " + region), err);
        assertArrayEquals(data, Files.readAllBytes(region));
    }

    @Test
    void zerosAreFreeToUseButKeepTheirSize() throws IOException {
        Files.write(region, new byte[2 << 20]);
        assertEquals(1, mkfs("--size", "4M"));
        assertTrue(err.contains("has another size, 2 MiB; --force changes it"), err);
        assertEquals(0, mkfs());
        assertEquals(2 << 20, Files.size(region));
    }

    @Test
    void anEmptyFileIsAsGoodAsNone() throws IOException {
        Files.createFile(region);
        assertEquals(1, mkfs());
        assertEquals(0, mkfs("--size", "2M"), () -> err);
        assertEquals(2 << 20, Files.size(region));
    }

    @Test
    void forceOverwritesAndResizes() throws IOException {
        mkfs("--size", "2M", "--uuid", UUID);
        assertEquals(0, mkfs("--force"), () -> err);
        assertEquals(2 << 20, Files.size(region));
        assertEquals(0, mkfs("--force", "--size", "4M"), () -> err);
        assertEquals(4 << 20, Files.size(region));
    }

    @Test
    void aFailedFormatLeavesNoFile() {
        region = directory.resolve("missing").resolve("region");
        assertEquals(1, mkfs("--size", "2M"));
        assertEquals(1, err.lines().count(), err);
        assertFalse(Files.exists(region));
    }
}
