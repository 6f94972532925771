package io.fusedax.tests.packaging;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.tests.support.Command;
import io.fusedax.tests.support.MountedVolume;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The archive and the .deb that {@code mvn package} leaves. ProvisioningIT installs the latter. */
public final class PackagingIT {
    private static final Path TARGET = MountedVolume.checkout().resolve("tools/target");

    private static Path archive;
    @TempDir private Path folder;
    private Path home;

    @BeforeAll
    static void isPackaged() throws IOException {
        archive = only("fuse-dax-*.tar.gz");
    }

    /** The .deb; skips the test where there is none. */
    public static Path debianPackage() throws IOException {
        return only("fuse-dax_*.deb");
    }

    private static Path only(String pattern) throws IOException {
        try (DirectoryStream<Path> found = Files.newDirectoryStream(TARGET, pattern)) {
            for (Path path : found) {
                return path;
            }
        }
        return Assumptions.abort("no " + pattern + " in " + TARGET + ": built with -Dquick");
    }

    @BeforeEach
    void unpack() throws IOException {
        Command.of("tar", "xzf", archive, "-C", folder).ok();
        try (Stream<Path> files = Files.list(folder)) {
            home = files.findFirst().orElseThrow();
        }
    }

    @Test
    void theArchiveWorksWhereItIsUnpacked() throws IOException {
        MountedVolume.assumeMounted();
        Path program = home.resolve("bin/fuse-dax");
        Path region = folder.resolve("region");
        Path directory = Files.createDirectory(folder.resolve("mnt"));
        Command.of(program, "mkfs", "--size", "64M", region).ok();
        Command.of(program, "mount", "-o", "dax=always", region, directory).ok();
        try {
            Files.writeString(directory.resolve("file"), "content");
            assertEquals(
                    "content",
                    Command.of(program, "run", "--", "cat", directory.resolve("file")).ok().out());
            String maps = Command.of(program, "run", "--", "cat", "/proc/self/maps").ok().out();
            assertTrue(maps.contains(home + "/lib/fuse-dax/lib/libfusedax.so"), maps);
        } finally {
            Command.of(program, "umount", directory).ok();
        }
        Command.of(program, "fsck", "-n", region).ok();
    }

    @Test
    void everyCommandHasAPageThatFormatsWithoutWarnings() throws IOException {
        Assumptions.assumeTrue(Command.exists("man"), "no man here: install man-db");
        String help = Command.of(home.resolve("bin/fuse-dax"), "--help").ok().out();
        for (String name : List.of("mkfs", "mount", "region", "run", "stats")) {
            assertTrue(help.contains("  " + name + " "), help);
            assertTrue(Files.exists(page("man1", "fuse-dax-" + name + ".1.gz")), name);
        }
        try (Stream<Path> pages = Files.walk(home.resolve("share/man"))) {
            for (Path page : pages.filter(Files::isRegularFile).toList()) {
                Command.Result shown =
                        Command.of("man", "--warnings", "-E", "UTF-8", "-l", page).ok();
                assertEquals("", shown.err(), page.toString());
                assertTrue(shown.out().contains("NAME"), page.toString());
            }
        }
        String mount =
                Command.of("man", "-E", "ascii", "-l", page("man1", "fuse-dax-mount.1.gz"))
                        .ok()
                        .out();
        assertTrue(mount.contains("dax=MODE"), mount);
    }

    private Path page(String section, String name) {
        return home.resolve("share/man").resolve(section).resolve(name);
    }

    @Test
    void bashCompletesCommands() {
        String script =
                """
                . "$1"
                COMP_WORDS=(fuse-dax mk); COMP_CWORD=1
                _complete_fuse-dax
                echo "${COMPREPLY[@]}"
                """;
        Path completion = home.resolve("share/bash-completion/completions/fuse-dax");
        assertEquals("mkfs\n", Command.of("bash", "-c", script, "bash", completion).ok().out());
    }

    @Test
    void theDebianPackageHoldsTheSame() throws IOException {
        Path deb = debianPackage();
        String control = Command.of("dpkg-deb", "--info", deb).ok().out();
        assertTrue(control.contains("Package: fuse-dax"), control);
        Command.of("dpkg-deb", "--extract", deb, folder.resolve("deb")).ok();
        Path root = folder.resolve("deb");
        assertEquals(
                Path.of("/usr/lib/fuse-dax/bin/mount.fuse.fusedax"),
                Files.readSymbolicLink(root.resolve("sbin/mount.fuse.fusedax")));
        Command.of("diff", "-r", home.resolve("lib"), root.resolve("usr/lib")).ok();
        assertFalse(Files.exists(root.resolve("usr/local")));
        assertTrue(Files.exists(root.resolve("lib/systemd/system/fuse-dax@.service")));
    }

    @Test
    void theServiceIsOneThatSystemdTakes() throws IOException {
        Assumptions.assumeTrue(Command.exists("systemd-analyze"), "no systemd-analyze here");
        Path root = folder.resolve("root");
        Command.of("dpkg-deb", "--extract", debianPackage(), root).ok();
        Path units = root.resolve("lib/systemd/system");
        Path installed = Path.of("/lib/systemd/system");
        Assumptions.assumeTrue(
                Files.exists(installed.resolve("sysinit.target")), "no systemd's own units here");
        try (DirectoryStream<Path> targets = Files.newDirectoryStream(installed, "*.target")) {
            for (Path target : targets) {
                Files.copy(target, units.resolve(target.getFileName()));
            }
        }
        Files.createSymbolicLink(
                units.resolve("fuse-dax@pmem.service"), Path.of("fuse-dax@.service"));
        Command.Result result =
                Command.of(
                                "systemd-analyze",
                                "--root=" + root,
                                "--man=no",
                                "verify",
                                "fuse-dax@pmem.service")
                        .ok();
        assertEquals("", result.output(), result.toString());
    }
}
