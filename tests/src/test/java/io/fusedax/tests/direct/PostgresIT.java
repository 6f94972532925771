package io.fusedax.tests.direct;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.tests.support.Await;
import io.fusedax.tests.support.Command;
import io.fusedax.tests.support.MountedVolume;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/**
 * PostgreSQL on the mount of the user it runs as: initdb, and pgbench killed with the daemon. Its
 * dynamic shared memory is in mapped files of the data directory.
 */
final class PostgresIT {
    private static final int USER = 65534;
    private static final int GOAL = 500;
    private static final Duration LIMIT = Duration.ofMinutes(2);

    private Path programs;
    private MountedVolume volume;
    private Path data;

    @Test
    void everyCommittedTransactionOfPgbenchSurvivesKill9() {
        programs = programs();
        MountedVolume.assumeUsersMount(USER);
        try (MountedVolume mounted =
                MountedVolume.builder().size("1G").owner(USER).mountOptions("dax=always").mount()) {
            volume = mounted;
            data = volume.resolve("data");
            run("initdb", "-D", data, "-k", "--no-locale", "-E", "UTF8", "-A", "trust").ok();
            long committed = benchUntilKilled();
            volume.assertClean();
            volume.mount();
            verify(committed);
            volume.unmount();
            volume.assertClean();
        }
    }

    private static Path programs() {
        Path folder = Path.of("/usr/lib/postgresql");
        Assumptions.assumeTrue(Files.isDirectory(folder), "no " + folder + ": install postgresql");
        try (Stream<Path> versions = Files.list(folder)) {
            return versions.max(Comparator.naturalOrder()).orElseThrow().resolve("bin");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private long benchUntilKilled() {
        Process server = start();
        try {
            run("pgbench", "-h", socket(), "-i", "-s", "2", "postgres").ok();
            Process bench =
                    run("pgbench", "-h", socket(), "-c", "2", "-T", "120", "postgres")
                            .startDiscarding();
            Await.until("transactions", LIMIT, () -> transactions() >= GOAL || !bench.isAlive());
            long committed = transactions();
            long faults = MountedVolume.counter(volume.stats(), "write_faults");
            assertTrue(faults > 0, "PostgreSQL maps nothing directly");
            volume.kill9();
            kill(bench);
            assertTrue(committed >= GOAL, "pgbench ended after " + committed);
            return committed;
        } finally {
            kill(server);
        }
    }

    private void verify(long committed) {
        Process server = start();
        try {
            long found = transactions();
            assertTrue(found >= committed, found + " transactions, " + committed + " committed");
            String sum = query("select sum(delta) from pgbench_history");
            for (String table : new String[] {"accounts abalance", "tellers tbalance"}) {
                String[] words = table.split(" ");
                String sql = "select sum(%s) from pgbench_%s".formatted(words[1], words[0]);
                assertEquals(sum, query(sql), table);
            }
            assertEquals(sum, query("select sum(bbalance) from pgbench_branches"));
            run("pg_ctl", "-D", data, "-m", "fast", "-w", "stop").ok();
            run("pg_checksums", "--check", "-D", data).ok();
            System.out.printf("PostgresIT: %d committed, %d found%n", committed, found);
        } finally {
            kill(server);
        }
    }

    private Process start() {
        List<Object> words = new ArrayList<>(List.of("postgres", "-D", data, "-k", socket()));
        for (String setting :
                List.of(
                        "listen_addresses=",
                        "shared_buffers=16MB",
                        "dynamic_shared_memory_type=mmap",
                        "min_dynamic_shared_memory=4MB")) {
            words.add("-c");
            words.add(setting);
        }
        Process server = run(words.toArray()).startDiscarding();
        Await.until(
                "PostgreSQL answers",
                LIMIT,
                () -> run("pg_isready", "-h", socket()).run().exitCode() == 0 || !server.isAlive());
        assertTrue(server.isAlive(), "PostgreSQL does not start");
        return server;
    }

    private static void kill(Process process) {
        List<ProcessHandle> children = process.descendants().toList();
        process.destroyForcibly();
        children.forEach(ProcessHandle::destroyForcibly);
        Await.until(
                "processes end",
                LIMIT,
                () -> !process.isAlive() && children.stream().noneMatch(ProcessHandle::isAlive));
    }

    private long transactions() {
        String count = query("select count(*) from pgbench_history");
        return count.isEmpty() ? -1 : Long.parseLong(count);
    }

    private String query(String sql) {
        return run("psql", "-h", socket(), "-Atqc", sql, "postgres").run().out().strip();
    }

    private Path socket() {
        return volume.outside();
    }

    /** A program of PostgreSQL, by the user, with direct mappings. */
    private Command run(Object... words) {
        Object[] all = words.clone();
        all[0] = programs.resolve(words[0].toString());
        return MapTest.preloaded(all)
                .with("HOME", volume.outside().toString())
                .with("PGUSER", "nobody")
                .timeout(LIMIT)
                .asUser(USER);
    }
}
