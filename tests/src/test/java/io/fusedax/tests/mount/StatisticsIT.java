package io.fusedax.tests.mount;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.fusedax.tests.support.Await;
import io.fusedax.tests.support.MountedVolume;
import io.fusedax.tests.support.Posix;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Counters of a live mount tell what was done, and the journal's laziness in particular. */
final class StatisticsIT {
    private MountedVolume volume;

    @BeforeEach
    void mount() {
        MountedVolume.assumeMounted();
        volume = MountedVolume.builder().size("64M").mountOptions("commit=3600").mount();
    }

    @AfterEach
    void unmount() {
        if (volume != null) {
            volume.close();
        }
    }

    @Test
    void bytesAndCallsAreCounted() {
        JsonNode before = volume.stats();
        int fd = Posix.create(volume.resolve("file"));
        Posix.pwrite(fd, new byte[100_000], 0);
        Posix.close(fd);
        Posix.mkdir(volume.resolve("directory"), 0755);
        JsonNode after = volume.stats();
        assertEquals(100_000, growth(before, after, "bytes_written"));
        assertEquals(1, growth(before, after, "op_create"));
        assertEquals(1, growth(before, after, "op_mkdir"));
        assertTrue(growth(before, after, "op_write") >= 1);
        assertTrue(growth(before, after, "allocated_blocks") >= 25);
    }

    @Test
    void onlyFsyncCommitsTheJournal() {
        JsonNode before = volume.stats();
        int fd = Posix.create(volume.resolve("file"));
        for (int i = 0; i < 100; i++) {
            Posix.pwrite(fd, new byte[1000], i * 1000L);
        }
        JsonNode written = volume.stats();
        assertEquals(0, commits(before, written), "writing committed");
        Posix.fsync(fd);
        JsonNode synced = volume.stats();
        assertEquals(1, growth(written, synced, "journal_commits_fsync"));
        assertEquals(1, commits(written, synced));
        Posix.close(fd);
        volume.sync();
        assertTrue(commits(synced, volume.stats()) <= 1);
    }

    @Test
    void theCommitIntervalCommitsByItself() {
        volume.unmount();
        volume.mount("commit=1");
        JsonNode before = volume.stats();
        Posix.close(Posix.create(volume.resolve("file")));
        Await.until(
                "a commit by age",
                Duration.ofSeconds(15),
                () -> growth(before, volume.stats(), "journal_commits_interval") >= 1);
        volume.kill9();
        volume.mount("commit=1");
        assertTrue(Posix.exists(volume.resolve("file")));
    }

    @Test
    void recoveryIsCounted() {
        int fd = Posix.create(volume.resolve("file"));
        Posix.fsync(fd);
        volume.kill9();
        Posix.closeQuietly(fd);
        volume.mount();
        assertTrue(value(volume.stats(), "journal_recovered_transactions") >= 1);
        volume.remount();
        assertEquals(0, value(volume.stats(), "journal_recovered_transactions"));
    }

    @Test
    void faultsAreStillAtZero() {
        JsonNode stats = volume.stats();
        for (String key : new String[] {"write_faults", "synchronous_faults", "fault_commits"}) {
            assertEquals(0, value(stats, key), key);
        }
    }

    private static long commits(JsonNode before, JsonNode after) {
        long sum = 0;
        for (String cause :
                new String[] {"fsync", "sync", "o_sync", "interval", "pressure", "nospace"}) {
            sum += growth(before, after, "journal_commits_" + cause);
        }
        return sum;
    }

    private static long growth(JsonNode before, JsonNode after, String key) {
        return value(after, key) - value(before, key);
    }

    private static long value(JsonNode stats, String key) {
        JsonNode found = stats.findValue(key);
        if (found == null) {
            throw new AssertionError("no " + key + " in " + stats);
        }
        return found.isObject() ? found.get("value").asLong() : found.asLong();
    }
}
