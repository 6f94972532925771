package io.fusedax.tests.workload;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.fusedax.tests.support.Command;
import io.fusedax.tests.support.MountedVolume;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.TreeSet;
import java.util.jar.JarFile;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** Real builds, their sources and outputs on the mount. */
final class BuildIT {
    private static final Duration LIMIT = Duration.ofMinutes(10);
    private static final int C_FILES = 150;

    @Test
    void mavenBuildsThisProjectsOwnModule() throws IOException {
        Assumptions.assumeTrue(Command.exists("mvn"), "no mvn on the path");
        try (MountedVolume volume = MountedVolume.builder().size("512M").mount()) {
            Path checkout = MountedVolume.checkout();
            Path copy = volume.resolve("checkout");
            Files.createDirectory(copy);
            Command.shell(
                            "cd \"$1\" && tar -c --exclude=target --exclude=.git . | tar -x -C"
                                    + " \"$2\"",
                            checkout,
                            copy)
                    .ok();
            maven(copy);
            List<Path> jars = jars(copy);
            assertEquals(1, jars.size(), () -> "jars: " + jars);
            List<Path> expected = jars(checkout);
            if (!expected.isEmpty()) {
                assertEquals(entries(expected.get(0)), entries(jars.get(0)));
            }
            volume.remount();
            Command.of("jar", "--list", "--file", jars.get(0)).ok();
            maven(copy);
            volume.unmount();
            volume.assertClean();
        }
    }

    @Test
    void makeBuildsAProgramOfManySources() throws IOException {
        Assumptions.assumeTrue(
                Command.exists("cc") && Command.exists("make"), "no C compiler or no make");
        try (MountedVolume volume = MountedVolume.builder().size("256M").onDisk().mount()) {
            Path project = Files.createDirectory(volume.resolve("project"));
            writeProject(project);
            Command.of("make", "-s", "-j2").in(project).timeout(LIMIT).ok();
            String sum = String.valueOf(C_FILES * (C_FILES - 1) / 2);
            assertEquals(sum, Command.of(project.resolve("program")).ok().out().trim());
            Command.of("make", "-q").in(project).ok();
            Command.of("touch", project.resolve("f7.c")).ok();
            Command.of("make", "-q").in(project).run().expectExit(1);
            Command.of("make", "-s").in(project).timeout(LIMIT).ok();
            volume.remount();
            assertEquals(sum, Command.of(project.resolve("program")).ok().out().trim());
            Command.of("make", "-q").in(project).ok();
            Command.of("make", "-s", "clean").in(project).ok();
            volume.unmount();
            volume.assertClean();
        }
    }

    private static void maven(Path checkout) {
        Command.of(
                        "mvn",
                        "--offline",
                        "--quiet",
                        "-Dquick",
                        "-DskipTests",
                        "--projects",
                        "backing",
                        "package")
                .in(checkout)
                .timeout(LIMIT)
                .ok();
    }

    private static List<Path> jars(Path checkout) throws IOException {
        Path target = checkout.resolve("backing/target");
        if (!Files.isDirectory(target)) {
            return List.of();
        }
        try (var files = Files.list(target)) {
            return files.filter(f -> f.getFileName().toString().matches("backing-.*SNAPSHOT\\.jar"))
                    .toList();
        }
    }

    private static TreeSet<String> entries(Path jar) throws IOException {
        TreeSet<String> names = new TreeSet<>();
        try (JarFile file = new JarFile(jar.toFile())) {
            file.stream().forEach(entry -> names.add(entry.getName() + " " + entry.getSize()));
        }
        return names;
    }

    private static void writeProject(Path project) throws IOException {
        StringBuilder sum = new StringBuilder("#include <stdio.h>\n#include \"all.h\"\n");
        sum.append("int main(void) { int s = 0;\n");
        StringBuilder header = new StringBuilder();
        for (int i = 0; i < C_FILES; i++) {
            header.append("int f").append(i).append("(void);\n");
            sum.append("s += f").append(i).append("();\n");
            Files.writeString(
                    project.resolve("f" + i + ".c"),
                    "#include <stdlib.h>\n#include \"all.h\"\nint f"
                            + i
                            + "(void) { return abs(-"
                            + i
                            + "); }\n");
        }
        sum.append("printf(\"%d\\n\", s); return 0; }\n");
        Files.writeString(project.resolve("all.h"), header);
        Files.writeString(project.resolve("main.c"), sum);
        Files.writeString(
                project.resolve("Makefile"),
                "OBJECTS := $(patsubst %.c,%.o,$(wildcard f*.c))\n"
                        + "program: main.o libf.a\n\t$(CC) -o $@ $^\n"
                        + "libf.a: $(OBJECTS)\n\trm -f $@; ar rcs $@ $^\n"
                        + "%.o: %.c all.h\n\t$(CC) -O1 -g -c -o $@ $<\n"
                        + "clean:\n\trm -f *.o *.a program\n");
    }
}
