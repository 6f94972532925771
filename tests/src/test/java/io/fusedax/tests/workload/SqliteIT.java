package io.fusedax.tests.workload;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.tests.support.Await;
import io.fusedax.tests.support.Command;
import io.fusedax.tests.support.MountedVolume;
import io.fusedax.tests.support.Seed;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** A database in WAL mode: shared mappings, locks, and fsync as its promise. */
final class SqliteIT {
    private static final int ROUNDS = 6;
    private static final Duration LIMIT = Duration.ofSeconds(60);

    @BeforeAll
    static void sqliteIsInstalled() {
        Assumptions.assumeTrue(Command.exists("sqlite3"), "no sqlite3 on the path");
    }

    @Test
    void aWalDatabaseKeepsItsIntegrityUnderTwoWriters() {
        try (MountedVolume volume = MountedVolume.builder().mount()) {
            Path database = volume.resolve("db");
            create(database);
            CompletableFuture<?> a = CompletableFuture.runAsync(() -> insertMany(database, 1));
            CompletableFuture<?> b = CompletableFuture.runAsync(() -> insertMany(database, 2));
            a.join();
            b.join();
            assertEquals("40000", query(database, "select count(*) from t"));
            query(database, "delete from t where k % 3 = 0; vacuum;");
            assertEquals("ok", query(database, "pragma integrity_check"));
            volume.remount();
            assertEquals("ok", query(database, "pragma integrity_check"));
            volume.unmount();
            volume.assertClean();
        }
    }

    @Test
    void everyCommittedTransactionSurvivesKill9() throws IOException {
        Random random = Seed.random("SqliteIT kill -9");
        try (MountedVolume volume = MountedVolume.builder().mount()) {
            Path database = volume.resolve("db");
            create(database);
            int committed = 0;
            for (int round = 0; round < ROUNDS; round++) {
                int goal = committed + 5 + random.nextInt(150);
                committed = insertUntilKilled(volume, database, committed, goal);
                volume.assertClean();
                volume.mount();
                assertEquals("ok", query(database, "pragma integrity_check"));
                int found = Integer.parseInt(query(database, "select count(*) from t"));
                assertTrue(found >= committed, found + " rows, " + committed + " committed");
                assertTrue(found <= committed + 1, found + " rows, " + committed + " committed");
                committed = found;
            }
        }
    }

    private static void create(Path database) {
        assertEquals("wal", query(database, "pragma journal_mode=wal"));
        query(database, "create table t (k integer primary key, v blob)");
    }

    private static void insertMany(Path database, int who) {
        StringBuilder sql = new StringBuilder(".timeout 60000\npragma synchronous=full;\n");
        for (int i = 0; i < 20_000; i += 200) {
            sql.append("begin immediate;\n");
            sql.append("insert into t (v) select randomblob(100) from generate_series(1, 200);\n");
            sql.append("commit;\n");
        }
        Command.of("sqlite3", "-bail", database)
                .input(sql.toString())
                .with("WHO", "" + who)
                .timeout(Duration.ofMinutes(3))
                .ok();
    }

    /**
     * Inserts row by row, each its own transaction; kills the daemon when {@code goal} is passed.
     */
    private static int insertUntilKilled(
            MountedVolume volume, Path database, int committed, int goal) throws IOException {
        AtomicInteger acknowledged = new AtomicInteger(committed);
        Process sqlite =
                Command.of("stdbuf", "-oL", "sqlite3", "-bail", database)
                        .builder()
                        .redirectErrorStream(true)
                        .start();
        CompletableFuture<Void> reader =
                CompletableFuture.runAsync(() -> read(sqlite, acknowledged));
        CompletableFuture<Void> writer =
                CompletableFuture.runAsync(() -> feed(sqlite, committed, goal + 100_000));
        try {
            Await.until("commits", LIMIT, () -> acknowledged.get() >= goal || reader.isDone());
            assertTrue(acknowledged.get() >= goal, "sqlite3 stopped at " + acknowledged.get());
            volume.kill9();
        } finally {
            sqlite.destroyForcibly();
            Await.until("sqlite3 ends", LIMIT, () -> !sqlite.isAlive());
            reader.join();
            writer.join();
        }
        return acknowledged.get();
    }

    private static void read(Process sqlite, AtomicInteger acknowledged) {
        try (BufferedReader out = sqlite.inputReader()) {
            for (String line = out.readLine(); line != null; line = out.readLine()) {
                if (line.startsWith("committed ")) {
                    acknowledged.set(Integer.parseInt(line.substring("committed ".length())));
                }
            }
        } catch (IOException e) {
            // the process was killed
        }
    }

    private static void feed(Process sqlite, int from, int to) {
        try (Writer in = sqlite.outputWriter()) {
            in.write("pragma synchronous=full; pragma wal_autocheckpoint=50;\n");
            for (int i = from + 1; i <= to && sqlite.isAlive(); i++) {
                in.write("insert into t values (" + i + ", randomblob(700));\n");
                in.write("select 'committed ' || " + i + ";\n");
                in.flush();
            }
        } catch (IOException e) {
            // the process was killed
        } catch (UncheckedIOException e) {
            throw new AssertionError(e);
        }
    }

    private static String query(Path database, String sql) {
        return Command.of("sqlite3", "-bail", database, sql).timeout(LIMIT).ok().out().trim();
    }
}
