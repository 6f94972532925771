package io.fusedax.tools;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The launcher, tools/fuse-dax, installed into a temporary prefix with a shell script for a Java.
 */
final class LauncherTest {
    @TempDir Path prefix;

    private Path launcher;
    private Path javaHome;

    private record Result(int exitCode, String out, String err) {}

    @BeforeEach
    void install() throws IOException {
        Path bin = Files.createDirectories(prefix.resolve("lib/fuse-dax/bin"));
        launcher = bin.resolve("fuse-dax");
        Files.copy(Path.of("fuse-dax"), launcher);
        Files.createFile(Files.createDirectories(bin.resolveSibling("lib")).resolve("tools-1.jar"));
        javaHome = Files.createDirectories(prefix.resolve("jdk"));
        java("17.0.15", "printf '%s\\n' \"$@\"");
    }

    /** Makes the Java: its version and what it does. */
    private void java(String version, String script) throws IOException {
        Files.writeString(
                javaHome.resolve("release"), "A=\"b\"\nJAVA_VERSION=\"" + version + "\"\n");
        executable(Files.createDirectories(javaHome.resolve("bin")).resolve("java"), script);
    }

    private static void executable(Path file, String script) throws IOException {
        Files.writeString(file, "#!/bin/bash\n" + script + "\n");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private Result run(String... args) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(launcher.toString()));
        command.addAll(List.of(args));
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().put("JAVA_HOME", javaHome.toString());
        builder.environment().put("XDG_STATE_HOME", prefix.resolve("state").toString());
        builder.environment().put("HERE", prefix.toString());
        Path err = prefix.resolve("stderr");
        Process process = builder.redirectError(err.toFile()).start();
        String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Result(process.waitFor(), out, Files.readString(err));
    }

    @Test
    void argumentsReachJavaAsTheyAre() throws Exception {
        List<String> words = run("stats", "a b", "--json", "", "*").out().lines().toList();
        int main = words.indexOf("io.fusedax.tools.FuseDax");
        assertEquals(
                List.of("stats", "a b", "--json", "", "*"), words.subList(main + 1, words.size()));
        assertEquals(prefix.resolve("lib/fuse-dax/lib") + "/*", words.get(main - 1));
    }

    @Test
    void symbolicLinksLeadHome() throws Exception {
        Path bin = Files.createDirectories(prefix.resolve("bin"));
        launcher = Files.createSymbolicLink(bin.resolve("fuse-dax"), launcher);
        launcher = Files.createSymbolicLink(prefix.resolve("link"), launcher);
        assertEquals(0, run("version").exitCode());
    }

    @Test
    void newJavaGetsTheFlagsItWants() throws Exception {
        assertFalse(run("version").out().contains("--enable-native-access"));
        java("25.0.3", "printf '%s\\n' \"$@\"");
        assertTrue(run("version").out().contains("--enable-native-access=ALL-UNNAMED"));
        assertTrue(run("version").out().contains("--sun-misc-unsafe-memory-access=allow"));
    }

    @Test
    void oldJavaIsRefused() throws Exception {
        java("11.0.2", "exit 0");
        Result result = run("version");
        assertEquals(1, result.exitCode());
        assertTrue(result.err().startsWith("fuse-dax: Java 17 or later is needed, this is 11: "));
    }

    @Test
    void withoutABuildItSaysHowToMakeOne() throws Exception {
        Files.delete(launcher.resolveSibling("../lib/tools-1.jar"));
        Result result = run("version");
        assertEquals(1, result.exitCode());
        assertTrue(
                result.err()
                        .startsWith("fuse-dax: not built: run tools/quickstart or mvn package: "));
    }

    @Test
    void mountReturnsWhenTheDaemonIsReadyAndLetsItGo() throws Exception {
        // It opens both ends of the FIFO itself: it lives until the test writes, and holds no
        // stream of ours.
        java(
                "17",
                "mkfifo $HERE/go; echo $$ >$HERE/pid; echo log >&2; echo @ready >&2; read x"
                        + " <>$HERE/go");
        Result result = run("mount", "-o", "fooo", "REGION", "DIR");
        assertEquals(new Result(0, "", "log\n"), result);
        long pid = Long.parseLong(Files.readString(prefix.resolve("pid")).strip());
        Processes.Identity daemon = Processes.find(pid).orElseThrow();
        assertEquals(Path.of("/"), Files.readSymbolicLink(Path.of("/proc/" + pid + "/cwd")));
        Files.writeString(prefix.resolve("go"), "go\n");
        Processes.awaitRelease(Path.of("/nonexistent"), List.of(daemon));
    }

    @Test
    void mountHandsOnWhatTheDaemonSaysAndItsExitCode() throws Exception {
        java("17", "echo 'fuse-dax: mount: no such region: x' >&2; exit 7");
        assertEquals(
                new Result(7, "", "fuse-dax: mount: no such region: x\n"), run("mount", "x", "y"));
    }

    @Test
    void aDaemonThatEndsWithoutAWordIsAFailure() throws Exception {
        java("17", "exit 0");
        assertEquals(1, run("mount", "x", "y").exitCode());
    }

    @Test
    void mountInTheForegroundBecomesJava() throws Exception {
        java("17", "printf '%s\\n' \"$@\"");
        for (String option : List.of("-f", "--foreground", "-fo", "--help")) {
            Result result = run("mount", "-o", "ro", option, "x", "y");
            assertTrue(result.out().contains("\nmount\n-o\nro\n" + option), result.toString());
            assertFalse(result.out().contains("fusedax.background"), result.toString());
        }
    }

    @Test
    void theDaemonLearnsWhereItsCallerIs() throws Exception {
        java("17", "printf '%s\\n' \"$@\" >$HERE/args; echo @ready >&2");
        assertEquals(0, run("mount", "-o", "file", "x", "y").exitCode());
        List<String> words = Files.readAllLines(prefix.resolve("args"));
        assertTrue(words.contains("-Dfusedax.background=true"), words.toString());
        assertTrue(
                words.contains("-Dfusedax.directory=" + Path.of("").toAbsolutePath()),
                words.toString());
    }
}
