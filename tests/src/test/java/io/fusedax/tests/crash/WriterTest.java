package io.fusedax.tests.crash;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.tests.support.Command;
import io.fusedax.tests.support.Seed;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The judge of KillIT, judged on a plain directory: it accepts what is right and nothing else. */
final class WriterTest {
    private static final int OPERATIONS = 400;

    /** Of files, for the tests to take away; some seeds end with fewer. */
    private static final int VICTIMS = 8;

    @TempDir private Path folder;
    private Writer writer;
    private Path root;

    @BeforeEach
    void work() {
        writer = new Writer("writer", Seed.printed("WriterTest"));
        writer.prepare(folder);
        root = folder.resolve("writer");
        do {
            writer.run(folder, writer.operations() + OPERATIONS);
        } while (TreeModel.read(root).paths('f').size() < VICTIMS);
    }

    @Test
    void theWholeRecordIsAccepted() {
        Writer.Kept kept = writer.verify(folder);
        assertTrue(writer.operations() >= OPERATIONS);
        assertEquals(writer.operations(), kept.most()); // the last call may be two operations
        assertTrue(kept.fewest() >= writer.durableOperations());
        writer.restart(folder);
        writer.run(folder, OPERATIONS);
        assertEquals(writer.operations(), writer.verify(folder).most());
    }

    /**
     * Only files were removed once from a full tree: this seed's were symbolic links in the end.
     */
    @Test
    void aFullTreeKeepsFiles(@TempDir Path other) {
        Writer full = new Writer("full", 35172489306990L);
        full.prepare(other);
        int fewest = Integer.MAX_VALUE;
        for (int operations = 8; operations <= 20; operations++) {
            full.run(other, operations * OPERATIONS);
            fewest = Math.min(fewest, TreeModel.read(other.resolve("full")).paths('f').size());
        }
        assertTrue(fewest >= VICTIMS, fewest + " files");
    }

    @Test
    void anEarlierStateThatFsyncForbidsIsRefused() throws IOException {
        Path old = folder.resolve("old");
        Command.of("cp", "-a", root, old).ok();
        int before = writer.operations();
        writer.run(folder, before + OPERATIONS);
        assertTrue(writer.durableOperations() > before);
        Command.of("rm", "-r", root).ok();
        Files.move(old, root);
        assertThrows(AssertionError.class, () -> writer.verify(folder));
    }

    @Test
    void oneWrongByteIsRefused() throws IOException {
        Path victim =
                TreeModel.read(root).paths('f').stream()
                        .map(root::resolve)
                        .filter(path -> path.toFile().length() > 0)
                        .findFirst()
                        .orElseThrow();
        try (RandomAccessFile file = new RandomAccessFile(victim.toFile(), "rw")) {
            int value = file.read();
            file.seek(0);
            file.write(value ^ 0x40);
        }
        AssertionError error = assertThrows(AssertionError.class, () -> writer.verify(folder));
        assertTrue(error.getMessage().contains("byte 0 of"), error.getMessage());
    }

    @Test
    void lostNamesAreRefused() throws IOException {
        for (String victim : TreeModel.read(root).paths('f').subList(0, VICTIMS)) {
            Files.delete(root.resolve(victim));
        }
        assertThrows(AssertionError.class, () -> writer.verify(folder));
    }
}
