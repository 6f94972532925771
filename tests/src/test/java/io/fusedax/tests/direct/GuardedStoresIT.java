package io.fusedax.tests.direct;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.fusedax.tests.support.Await;
import io.fusedax.tests.support.Command;
import io.fusedax.tests.support.MountedVolume;
import io.fusedax.tests.support.Posix;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** First stores by userfaultfd: which go that way, what else may happen to a guarded page. */
final class GuardedStoresIT {
    private static final int NOBODY = 65534;
    private static final int SIGKILL = 9;
    private static final int SIGSTOP = 19;
    private static final int BUS = 7;
    private static final int BYTES = 64 * 4096;
    private static final Duration LIMIT = Duration.ofSeconds(30);

    /** Stores in {@code maptest guarded} that find a guarded page, and those that do not. */
    private static final long GUARDED = 25;

    private static final long OTHERS = 6;

    @ParameterizedTest(name = "{0}, library {1}, uid {2}")
    @CsvSource({
        "direct=auto, , 0",
        "direct=uffd, , 0",
        "direct=auto, , 65534",
        "direct=auto, signal, 0",
        "direct=signal, , 0",
    })
    void writtenPagesAreStoredToWithoutASignal(String option, String library, int uid) {
        try (MountedVolume volume = mount("dax=always," + option, uid)) {
            write(volume, uid);
            Command command = MapTest.maptest("guarded", volume.resolve("file"));
            if (library != null) {
                command = command.with("FUSEDAX_MECHANISM", library);
            }
            if (uid != 0) {
                command = command.asUser(uid);
            }
            Command.Result result = command.timeout(LIMIT).ok();
            Map<String, String> rows = ReferenceTable.all(result.out(), " \\| ").rows();
            // What the kernel stores for a call that the library does not know.
            boolean kernelIsTrapped = option.equals("direct=signal") || library != null || uid != 0;
            Map<String, String> expected = new LinkedHashMap<>();
            rows.keySet().forEach(step -> expected.put(step, "ok"));
            expected.put("read(2) into a page", "OK");
            expected.put("read(2) unnoticed", kernelIsTrapped ? "EFAULT" : "OK");
            expected.put("store while read-only", "SIGSEGV code 2");
            expected.put("store behind the end", "SIGBUS code 2");
            assertEquals(expected, rows, result.toString());
            boolean guarded = library == null && !option.equals("direct=signal");
            long unnoticed = kernelIsTrapped ? 0 : 1;
            JsonNode stats = volume.stats();
            long faults = MountedVolume.counter(stats, "write_faults");
            assertEquals(GUARDED - 1 + OTHERS + unnoticed, faults, stats.toString());
            assertEquals(
                    guarded ? GUARDED - 1 + unnoticed : 0,
                    MountedVolume.counter(stats, "guarded_faults"),
                    stats.toString());
            volume.unmount();
            volume.assertClean();
        }
    }

    @Test
    void onDiskTheRegionAllowsNoGuards() {
        MountedVolume.assumeMounted();
        MountedVolume.Builder builder = MountedVolume.builder().mountOptions("dax=always");
        try (MountedVolume volume = builder.onDisk().mount()) {
            write(volume, 0);
            MapTest.maptest("guarded", volume.resolve("file")).timeout(LIMIT).ok();
            assertEquals(0, MountedVolume.counter(volume.stats(), "guarded_faults"));
        }
    }

    /** Killed at once after a store, the daemon has made the size durable that the page needs. */
    @ParameterizedTest
    @ValueSource(strings = {"guarded-commit", "guarded-regrown"})
    void aGuardedStoreCommitsWhatItsFileNeeds(String command) {
        try (MountedVolume volume = mount("dax=always,commit=3600", 0)) {
            write(volume, 0);
            Path other = volume.resolve("other");
            Command.of("cp", volume.resolve("file"), other).ok();
            volume.sync();
            List<Object> words = new ArrayList<>(List.of(command, volume.resolve("file")));
            if (command.equals("guarded-regrown")) {
                words.add(other);
            }
            try (Progress program = Progress.start(MapTest.maptest(words.toArray()), "ready")) {
                program.await(1);
                long guarded = MountedVolume.counter(volume.stats(), "guarded_faults");
                assertEquals(1, guarded, "the last store came by userfaultfd");
                volume.kill9();
            }
            volume.mount();
            assertEquals(BYTES + 4096, volume.resolve("file").toFile().length());
            volume.unmount();
            volume.assertClean();
        }
    }

    /** The store is neither let through nor waited for without end. */
    @Test
    void aStoreThatWaitsForADaemonThatDiesIsABusError() throws IOException {
        try (MountedVolume volume = mount("dax=always", 0)) {
            write(volume, 0);
            Command command = MapTest.maptest("guarded-wait", volume.resolve("file"));
            try (Progress program = Progress.start(command, "ready");
                    Stopped daemon = new Stopped(volume.daemonPid(), program)) {
                daemon.stop();
                program.process().getOutputStream().write('g');
                program.process().getOutputStream().close();
                Await.until("the store waits", LIMIT, () -> waitsForGuard(program));
                daemon.kill();
                Await.until("the program ends", LIMIT, () -> !program.process().isAlive());
                assertTrue(program.told().contains("answered " + BUS), program.told());
            }
        }
    }

    /** A guard may have to wait for its own program, but for no other. */
    @Test
    void aStoppedProgramKeepsNoOtherWaiting() {
        try (MountedVolume volume = mount("dax=always", 0)) {
            write(volume, 0);
            Path other = volume.resolve("other");
            Command.of("cp", volume.resolve("file"), other).ok();
            Command waiting = MapTest.maptest("guarded-wait", volume.resolve("file"));
            try (Progress program = Progress.start(waiting, "ready");
                    Stopped stopped = new Stopped(program.process().pid(), program)) {
                stopped.stop();
                Command.Result result = MapTest.maptest("guarded", other).timeout(LIMIT).ok();
                assertTrue(result.out().contains("read(2) into a page | OK"), result.toString());
            }
        }
    }

    /** A process that is killed whatever becomes of the test. */
    private record Stopped(long pid, Progress program) implements AutoCloseable {
        void stop() {
            program.await(1);
            Posix.kill(pid, SIGSTOP);
            Await.until("every thread has stopped", LIMIT, this::isStopped);
        }

        /** The signal stops one thread, which stops the others, each when it runs next. */
        private boolean isStopped() {
            try (Stream<Path> threads = Files.list(Path.of("/proc/" + pid + "/task"))) {
                for (Path thread : threads.toList()) {
                    String stat = Files.readString(thread.resolve("stat"));
                    if (stat.charAt(stat.lastIndexOf(')') + 2) != 'T') {
                        return false;
                    }
                }
                return true;
            } catch (IOException e) {
                return false; // a thread has just ended
            }
        }

        void kill() {
            Posix.kill(pid, SIGKILL);
        }

        @Override
        public void close() {
            ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly);
        }
    }

    private static boolean waitsForGuard(Progress program) {
        Stream<ProcessHandle> started = program.process().descendants();
        return Stream.concat(Stream.of(program.process().toHandle()), started)
                .anyMatch(process -> waitsForGuard(Path.of("/proc/" + process.pid() + "/syscall")));
    }

    /** Blocked, but not in a system call. */
    private static boolean waitsForGuard(Path call) {
        try {
            return Files.readString(call).startsWith("-1 ");
        } catch (IOException e) {
            return false; // just ended
        }
    }

    private static MountedVolume mount(String options, int uid) {
        MountedVolume.assumeMounted();
        if (uid != 0) {
            MountedVolume.assumeUsersMount(NOBODY);
        }
        return MountedVolume.builder().mountOptions(options).owner(uid).mount();
    }

    private static void write(MountedVolume volume, int uid) {
        Path file = volume.resolve("file");
        Command command = Command.of("dd", "if=/dev/zero", "of=" + file, "bs=" + BYTES, "count=1");
        (uid == 0 ? command : command.asUser(uid)).ok();
        volume.sync();
    }
}
