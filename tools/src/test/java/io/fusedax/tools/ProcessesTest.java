package io.fusedax.tools;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ProcessesTest {
    @Test
    void holdersAreThoseOfTheVeryFile() {
        List<String> lines =
                List.of(
                        "1: FLOCK  ADVISORY  WRITE 1234 fe:01:5678 0 EOF",
                        "2: POSIX  ADVISORY  WRITE 99 fe:01:5678 0 EOF",
                        "3: FLOCK  ADVISORY  READ  77 fe:01:5679 0 EOF",
                        "4: FLOCK  ADVISORY  READ  78 fe:02:5678 0 EOF",
                        "5: FLOCK  ADVISORY  READ  -1 fe:01:5678 0 EOF");
        assertEquals(List.of(1234L), Processes.holders(lines, 0xfe01, 5678));
    }

    @Test
    void aProcessIsGoneOnceItEnded() throws Exception {
        Process process = new ProcessBuilder("cat").start();
        Processes.Identity identity = Processes.find(process.pid()).orElseThrow();
        process.getOutputStream().close();
        Processes.awaitRelease(Path.of("/nonexistent"), List.of(identity));
        assertTrue(Processes.find(process.pid()).isEmpty());
        assertEquals(0, process.waitFor());
    }

    @Test
    void usersOfADirectoryHaveSomethingOpenBelowIt(@TempDir Path directory) throws IOException {
        String self = "(" + ProcessHandle.current().pid() + ")";
        assertFalse(Processes.usersOf(directory).toString().contains(self));
        try (OutputStream open = Files.newOutputStream(directory.resolve("file"))) {
            assertTrue(Processes.usersOf(directory).toString().contains(self));
        }
    }
}
