package io.fusedax.tests.crash;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.tests.support.MountedVolume;
import io.fusedax.tests.support.Posix;
import io.fusedax.tests.support.PosixDirectory;
import io.fusedax.tests.support.PosixException;
import io.fusedax.tests.support.Seed;
import io.fusedax.tests.support.Trees;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.function.IntConsumer;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Many threads change names at once; what is left must be what the model of each says. */
final class MetadataStormIT {
    private static final int THREADS = 6;
    private static final int OPERATIONS = Integer.getInteger("storm.operations", 3000);
    private static final int ARENA_NAMES = 7;
    private static final Set<Errno> LOST_RACES =
            Set.of(
                    Errno.ENOENT,
                    Errno.EEXIST,
                    Errno.ENOTEMPTY,
                    Errno.EINVAL,
                    Errno.ENOTDIR,
                    Errno.EISDIR,
                    Errno.ELOOP,
                    Errno.ESTALE);

    private final long seed = Seed.printed("MetadataStormIT");
    private ExecutorService threads;
    private MountedVolume volume;

    @BeforeEach
    void mount() {
        volume = MountedVolume.builder().size("512M").mount();
        threads = Executors.newFixedThreadPool(THREADS);
    }

    @AfterEach
    void unmount() {
        if (threads != null) {
            threads.shutdownNow();
        }
        if (volume != null) {
            volume.close();
        }
    }

    @Test
    void treesOfManyThreadsMatchTheirModels() {
        List<Writer> writers = new ArrayList<>();
        for (int i = 0; i < THREADS; i++) {
            writers.add(new Writer("writer" + i, seed + i));
            writers.get(i).prepare(volume.directory());
        }
        storm(i -> writers.get(i).run(volume.directory(), OPERATIONS));
        writers.forEach(writer -> writer.verifyExactly(volume.directory()));
        volume.remount();
        writers.forEach(writer -> writer.verifyExactly(volume.directory()));
        finish();
    }

    @Test
    void namesOfManyThreadsInOneDirectoryMatchTheirModels() {
        Path shared = volume.resolve("shared");
        Posix.mkdir(shared, 0755);
        List<Set<String>> models = new ArrayList<>();
        for (int i = 0; i < THREADS; i++) {
            models.add(new TreeSet<>());
        }
        storm(i -> changeNames(shared, "thread" + i + "-", models.get(i), new Random(seed + i)));
        Set<String> expected = new TreeSet<>();
        models.forEach(expected::addAll);
        assertEquals(List.copyOf(expected), PosixDirectory.list(shared));
        volume.remount();
        assertEquals(List.copyOf(expected), PosixDirectory.list(shared));
        assertEquals(2, Posix.lstat(shared).linkCount());
        finish();
    }

    @Test
    void exclusiveCreationHasOneWinner() {
        Path arena = volume.resolve("arena");
        Posix.mkdir(arena, 0755);
        AtomicIntegerArray balance = new AtomicIntegerArray(ARENA_NAMES);
        storm(i -> fightForNames(arena, balance, new Random(seed + i)));
        List<String> left = PosixDirectory.list(arena);
        for (int name = 0; name < ARENA_NAMES; name++) {
            assertEquals(left.contains("" + name) ? 1 : 0, balance.get(name), "name " + name);
        }
        finish();
    }

    @Test
    void renamesOfDirectoriesAmongEachOtherMakeNoLoop() {
        for (int i = 0; i < ARENA_NAMES; i++) {
            Posix.mkdir(volume.resolve("d" + i), 0755);
        }
        storm(i -> moveDirectories(new Random(seed + i)));
        SortedMap<String, String> before = Trees.describe(volume.directory());
        assertTrue(before.size() >= ARENA_NAMES, () -> "directories were lost: " + before.keySet());
        volume.remount();
        Trees.assertSame(before, Trees.describe(volume.directory()));
        finish();
    }

    private void storm(IntConsumer work) {
        List<CompletableFuture<Void>> running = new ArrayList<>();
        for (int i = 0; i < THREADS; i++) {
            int thread = i;
            running.add(CompletableFuture.runAsync(() -> work.accept(thread), threads));
        }
        running.forEach(CompletableFuture::join);
    }

    private void finish() {
        volume.unmount();
        volume.assertClean();
    }

    private static void changeNames(Path shared, String prefix, Set<String> model, Random random) {
        for (int i = 0; i < OPERATIONS; i++) {
            String name = prefix + "x".repeat(random.nextInt(100)) + i;
            if (model.size() < 50 || random.nextBoolean() && model.size() < 400) {
                Posix.close(Posix.create(shared.resolve(name)));
                model.add(name);
                continue;
            }
            List<String> names = List.copyOf(model);
            String victim = names.get(random.nextInt(names.size()));
            switch (random.nextInt(3)) {
                case 0 -> {
                    Posix.rename(shared.resolve(victim), shared.resolve(name));
                    model.remove(victim);
                    model.add(name);
                }
                case 1 -> {
                    Posix.link(shared.resolve(victim), shared.resolve(name));
                    model.add(name);
                }
                default -> {
                    Posix.unlink(shared.resolve(victim));
                    model.remove(victim);
                }
            }
        }
    }

    private static void fightForNames(Path arena, AtomicIntegerArray balance, Random random) {
        for (int i = 0; i < OPERATIONS; i++) {
            int name = random.nextInt(ARENA_NAMES);
            Path path = arena.resolve("" + name);
            try {
                if (random.nextBoolean()) {
                    Posix.close(Posix.create(path));
                    balance.incrementAndGet(name);
                } else {
                    Posix.unlink(path);
                    balance.decrementAndGet(name);
                }
            } catch (PosixException e) {
                assertTrue(e.errno() == Errno.EEXIST || e.errno() == Errno.ENOENT, e::toString);
            }
        }
    }

    /** Makes, moves and removes directories at random depth; losing a race is no failure. */
    private void moveDirectories(Random random) {
        for (int i = 0; i < OPERATIONS; i++) {
            Path from = randomDirectory(random);
            Path to = randomDirectory(random);
            try {
                switch (random.nextInt(4)) {
                    case 0 -> Posix.mkdir(to, 0755);
                    case 1 -> Posix.rmdir(onlyDeep(to));
                    default -> Posix.rename(from, to);
                }
            } catch (PosixException e) {
                assertTrue(LOST_RACES.contains(e.errno()), () -> from + " to " + to + ": " + e);
            }
        }
        for (int i = 0; i < ARENA_NAMES; i++) {
            Path path = volume.resolve("d" + i);
            if (!Posix.exists(path)) {
                try {
                    Posix.mkdir(path, 0755);
                } catch (PosixException e) {
                    assertEquals(Errno.EEXIST, e.errno());
                }
            }
        }
    }

    private Path onlyDeep(Path path) {
        return path.getParent().equals(volume.directory()) ? path.resolve("d0") : path;
    }

    private Path randomDirectory(Random random) {
        Path path = volume.directory();
        int depth = 1 + random.nextInt(3);
        for (int i = 0; i < depth; i++) {
            path = path.resolve("d" + random.nextInt(ARENA_NAMES));
        }
        return path;
    }
}
