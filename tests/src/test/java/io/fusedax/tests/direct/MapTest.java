package io.fusedax.tests.direct;

import io.fusedax.tests.support.Command;
import io.fusedax.tests.support.MountedVolume;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;

/**
 * The C programs of these tests: built once by the host's compiler, run with the client library.
 */
public final class MapTest {
    private static final Map<String, Path> BUILT = new ConcurrentHashMap<>();

    private MapTest() {}

    /** A program run with direct mappings. */
    public static Command preloaded(Object... words) {
        List<Object> all = new ArrayList<>(List.of(MountedVolume.launcher(), "run", "--"));
        all.addAll(List.of(words));
        return Command.of(all.toArray());
    }

    /** maptest with direct mappings. */
    static Command maptest(Object... words) {
        List<Object> all = new ArrayList<>(List.of(program()));
        all.addAll(List.of(words));
        return preloaded(all.toArray());
    }

    /** The program maptest. */
    public static Path program() {
        return BUILT.computeIfAbsent("maptest", name -> build(name, sources(sourceFolder())));
    }

    /** A program of one source file in src/test/c/programs. */
    public static Path program(String name, String... libraries) {
        Path source = sourceFolder().resolve("programs").resolve(name + ".c");
        return BUILT.computeIfAbsent(name, any -> build(name, List.of(source), libraries));
    }

    /**
     * A volume with direct mappings.
     *
     * @param place of the region: {@code memory} (first stores by userfaultfd where they can be),
     *     {@code signal} (in memory, too, but by signals alone) or {@code disk}
     */
    static MountedVolume.Builder volume(String place, String mountOptions) {
        MountedVolume.Builder builder = MountedVolume.builder();
        return switch (place) {
            case "memory" -> builder.mountOptions(mountOptions);
            case "signal" -> builder.mountOptions(mountOptions + ",direct=signal");
            case "disk" -> builder.mountOptions(mountOptions).onDisk();
            default -> throw new IllegalArgumentException(place);
        };
    }

    /** Skips a test whose packages are not installed. */
    static void assumeHeader(String header, String debianPackage) {
        Assumptions.assumeTrue(
                Files.exists(Path.of("/usr/include", header)),
                "no /usr/include/" + header + ": install " + debianPackage);
    }

    private static Path build(String name, List<Path> sources, String... libraries) {
        Assumptions.assumeTrue(Command.exists("cc"), "no C compiler on the path");
        Path program = MountedVolume.checkout().resolve("tests/target/c").resolve(name);
        List<Object> words = new ArrayList<>(List.of("cc", "-std=gnu11", "-O1", "-g", "-Wall"));
        words.addAll(List.of("-Wextra", "-Werror", "-pthread", "-o", program));
        words.addAll(sources);
        Arrays.stream(libraries).map(library -> "-l" + library).forEach(words::add);
        try {
            Files.createDirectories(program.getParent());
            Command.of(words.toArray()).ok();
            Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwxr-xr-x"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return program;
    }

    private static Path sourceFolder() {
        return MountedVolume.checkout().resolve("tests/src/test/c");
    }

    private static List<Path> sources(Path folder) {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> file.toString().endsWith(".c")).sorted().toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
