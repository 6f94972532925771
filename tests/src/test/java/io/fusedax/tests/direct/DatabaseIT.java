package io.fusedax.tests.direct;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.tests.support.Command;
import io.fusedax.tests.support.MountedVolume;
import io.fusedax.tests.support.Posix;
import io.fusedax.tests.support.Seed;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** SQLite in WAL mode with mmap_size, and LMDB, on direct mappings. */
final class DatabaseIT {
    private static final Duration LIMIT = Duration.ofMinutes(3);
    private static final int ROUNDS = 4;
    private static final String MMAP = "pragma mmap_size=268435456;";

    /** Rows one by one, each its own transaction, told when it is committed. */
    private static final String INSERT_FOR_EVER =
            """
            i=$2
            { echo 'pragma synchronous=full; pragma wal_autocheckpoint=50; pragma mmap_size=268435456;'
              while i=$((i + 1)); do
                echo "insert into t values ($i, randomblob(700)); select 'committed ' || $i;"
              done; } | stdbuf -oL sqlite3 -bail "$1"
            """;

    @ParameterizedTest(name = "region on {0}")
    @ValueSource(strings = {"memory", "disk"})
    void everyTransactionOfSqliteSurvivesKill9(String place) {
        assumeSqlite();
        Random random = Seed.random("DatabaseIT sqlite " + place);
        try (MountedVolume volume = mount(place)) {
            Path database = volume.resolve("db");
            assertEquals("wal", query(database, "pragma journal_mode=wal"));
            query(database, "create table t (k integer primary key, v blob)");
            long committed = 0;
            for (int round = 0; round < ROUNDS; round++) {
                Command insert =
                        MapTest.preloaded("sh", "-c", INSERT_FOR_EVER, "sh", database, committed);
                try (Progress progress = Progress.start(insert, "committed")) {
                    progress.await(committed + 5 + random.nextInt(300));
                    volume.kill9();
                    committed = progress.kill();
                }
                volume.assertClean();
                volume.mount();
                assertEquals("ok", last(query(database, MMAP + "pragma integrity_check")));
                long found = Long.parseLong(query(database, "select count(*) from t"));
                assertTrue(found >= committed, found + " rows, " + committed + " committed");
                assertTrue(found <= committed + 1, found + " rows, " + committed + " committed");
                committed = found;
            }
        }
    }

    @ParameterizedTest(name = "region on {0}")
    @ValueSource(strings = {"memory", "disk"})
    void twoWritersOfSqliteSeeOneDatabase(String place) {
        assumeSqlite();
        try (MountedVolume volume = mount(place)) {
            Path database = volume.resolve("db");
            assertEquals("wal", query(database, "pragma journal_mode=wal"));
            query(database, "create table t (k integer primary key, v blob)");
            CompletableFuture<?> a = CompletableFuture.runAsync(() -> insertMany(database));
            CompletableFuture<?> b = CompletableFuture.runAsync(() -> insertMany(database));
            a.join();
            b.join();
            assertEquals("20000", query(database, "select count(*) from t"));
            query(database, "delete from t where k % 3 = 0; vacuum;");
            assertEquals("ok", last(query(database, MMAP + "pragma integrity_check")));
            volume.remount();
            assertEquals("ok", last(query(database, MMAP + "pragma integrity_check")));
            volume.unmount();
            volume.assertClean();
        }
    }

    @ParameterizedTest(name = "{0} on a region {1}")
    @CsvSource({"plain, memory", "writemap, memory", "plain, disk", "writemap, disk"})
    void everyTransactionOfLmdbSurvivesKill9(String mode, String place) {
        MountedVolume.assumeMounted();
        MapTest.assumeHeader("lmdb.h", "liblmdb-dev");
        Random random = Seed.random("DatabaseIT lmdb " + mode);
        Path notes = MapTest.program("notes", "lmdb");
        try (MountedVolume volume = mount(place)) {
            Path directory = volume.resolve("lmdb");
            Posix.mkdir(directory, 0755);
            long committed = 0;
            for (int round = 0; round < ROUNDS; round++) {
                Command run = MapTest.preloaded(notes, "run", directory, mode);
                try (Progress progress = Progress.start(run, "committed")) {
                    progress.await(committed + 20 + random.nextInt(500));
                    volume.kill9();
                    committed = progress.kill();
                }
                volume.assertClean();
                volume.mount();
                MapTest.preloaded(notes, "check", directory, committed).ok();
            }
            Command.of(notes, "check", directory, committed).ok();
        }
    }

    private static void assumeSqlite() {
        MountedVolume.assumeMounted();
        Assumptions.assumeTrue(Command.exists("sqlite3"), "no sqlite3 on the path");
    }

    private static void insertMany(Path database) {
        StringBuilder sql = new StringBuilder(".timeout 60000\npragma synchronous=full;\n" + MMAP);
        for (int i = 0; i < 10_000; i += 100) {
            sql.append("\nbegin immediate;\n");
            sql.append("insert into t (v) select randomblob(100) from generate_series(1, 100);\n");
            sql.append("commit;\n");
        }
        MapTest.preloaded("sqlite3", "-bail", database).input(sql.toString()).timeout(LIMIT).ok();
    }

    private static String query(Path database, String sql) {
        return MapTest.preloaded("sqlite3", "-bail", database, sql)
                .timeout(LIMIT)
                .ok()
                .out()
                .trim();
    }

    /** The last line: a pragma that sets something prints it. */
    private static String last(String text) {
        return text.substring(text.lastIndexOf('\n') + 1);
    }

    private static MountedVolume mount(String place) {
        MountedVolume.Builder builder = MountedVolume.builder();
        builder.mountOptions("dax=always,commit=600");
        return (place.equals("disk") ? builder.onDisk() : builder).mount();
    }
}
