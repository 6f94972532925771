package io.fusedax.tests.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.tests.support.Posix;
import io.fusedax.tests.support.PosixDirectory;
import io.fusedax.tests.support.Seed;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Listing a directory while it changes: positions are stable, no name twice, none left out. */
final class DirectoryListingIT {
    private static final int MANY = 3000;

    private static HostAndMount both;

    @BeforeAll
    static void mount() {
        both = new HostAndMount("");
    }

    @AfterAll
    static void unmount() {
        if (both != null) {
            both.close();
        }
    }

    @Test
    void anEmptyDirectoryHoldsOnlyTheDots() {
        both.agree(
                folder -> {
                    try (PosixDirectory directory = new PosixDirectory(folder)) {
                        assertEquals(Set.of(".", ".."), new HashSet<>(directory.rest()));
                    }
                });
    }

    @Test
    void entriesTellTypeAndInode() {
        both.agree(
                folder -> {
                    Posix.close(Posix.create(folder.resolve("file")));
                    Posix.mkdir(folder.resolve("directory"), 0755);
                    Posix.symlink("x", folder.resolve("link"));
                    Posix.mknod(folder.resolve("fifo"), Posix.S_IFIFO | 0644, 0, 0);
                    Posix.mknod(folder.resolve("character"), Posix.S_IFCHR | 0644, 1, 3);
                    Posix.mknod(folder.resolve("block"), Posix.S_IFBLK | 0644, 7, 0);
                    Posix.mknod(folder.resolve("socket"), Posix.S_IFSOCK | 0644, 0, 0);
                    Map<String, Integer> types =
                            Map.of(
                                    "file",
                                    8,
                                    "directory",
                                    4,
                                    "link",
                                    10,
                                    "fifo",
                                    1,
                                    "character",
                                    2,
                                    "block",
                                    6,
                                    "socket",
                                    12);
                    int seen = 0;
                    try (PosixDirectory directory = new PosixDirectory(folder)) {
                        for (PosixDirectory.Entry entry = directory.next();
                                entry != null;
                                entry = directory.next()) {
                            if (!types.containsKey(entry.name())) {
                                continue;
                            }
                            assertEquals(types.get(entry.name()), entry.type(), entry.name());
                            assertEquals(
                                    Posix.lstat(folder.resolve(entry.name())).inode(),
                                    entry.inode(),
                                    entry.name());
                            seen++;
                        }
                    }
                    assertEquals(types.size(), seen);
                });
    }

    @Test
    void aLargeDirectoryIsListedOnceEach() {
        both.agree(
                folder -> {
                    Set<String> names = fill(folder, "name", MANY);
                    names.addAll(Set.of(".", ".."));
                    try (PosixDirectory directory = new PosixDirectory(folder)) {
                        List<String> listed = directory.rest();
                        assertEquals(names.size(), listed.size());
                        assertEquals(names, new TreeSet<>(listed));
                    }
                });
    }

    @Test
    void seekdirReturnsToWhereTelldirWas() {
        both.agree(
                folder -> {
                    Random random = Seed.random("seekdirReturnsToWhereTelldirWas");
                    fill(folder, "name", MANY);
                    List<Long> positions = new ArrayList<>();
                    List<String> names = new ArrayList<>();
                    try (PosixDirectory directory = new PosixDirectory(folder)) {
                        positions.add(directory.tell());
                        for (PosixDirectory.Entry entry = directory.next();
                                entry != null;
                                entry = directory.next()) {
                            names.add(entry.name());
                            positions.add(directory.tell());
                        }
                        for (int i = 0; i < 200; i++) {
                            int at = random.nextInt(names.size());
                            directory.seek(positions.get(at));
                            assertEquals(names.get(at), directory.next().name());
                        }
                        directory.seek(positions.get(names.size()));
                        assertEquals(List.of(), directory.rest());
                    }
                });
    }

    @Test
    void namesThatStayAreListedOnceWhileOthersComeAndGo() {
        both.agree(
                folder -> {
                    Random random = Seed.random("namesThatStayAreListedOnce");
                    Set<String> staying = fill(folder, "stay", MANY);
                    List<String> leaving = new ArrayList<>(fill(folder, "leave", MANY));
                    List<String> listed = new ArrayList<>();
                    int made = 0;
                    try (PosixDirectory directory = new PosixDirectory(folder)) {
                        for (PosixDirectory.Entry entry = directory.next();
                                entry != null;
                                entry = directory.next()) {
                            listed.add(entry.name());
                            if (!leaving.isEmpty()) {
                                int victim = random.nextInt(leaving.size());
                                Posix.unlink(folder.resolve(leaving.remove(victim)));
                                Posix.close(Posix.create(folder.resolve("new" + made++)));
                            }
                        }
                    }
                    assertEquals(listed.size(), new HashSet<>(listed).size(), "a name came twice");
                    listed.removeIf(name -> !name.startsWith("stay"));
                    assertEquals(staying, new TreeSet<>(listed));
                });
    }

    @Test
    void aDirectoryEmptiedWhileListedEndsEmpty() {
        both.agree(
                folder -> {
                    Path victim = folder.resolve("victim");
                    Posix.mkdir(victim, 0755);
                    fill(victim, "name", MANY);
                    try (PosixDirectory directory = new PosixDirectory(victim)) {
                        for (PosixDirectory.Entry entry = directory.next();
                                entry != null;
                                entry = directory.next()) {
                            if (!entry.name().startsWith(".")) {
                                Posix.unlink(victim.resolve(entry.name()));
                            }
                        }
                    }
                    Posix.rmdir(victim);
                });
    }

    @Test
    void rewinddirSeesWhatCameMeanwhile() {
        both.agree(
                folder -> {
                    try (PosixDirectory directory = new PosixDirectory(folder)) {
                        directory.rest();
                        Posix.close(Posix.create(folder.resolve("late")));
                        directory.rewind();
                        assertTrue(directory.rest().contains("late"));
                    }
                });
    }

    private static Set<String> fill(Path folder, String prefix, int count) {
        Set<String> names = new TreeSet<>();
        for (int i = 0; i < count; i++) {
            String name = prefix + "-" + i;
            Posix.close(Posix.create(folder.resolve(name)));
            names.add(name);
        }
        return names;
    }
}
