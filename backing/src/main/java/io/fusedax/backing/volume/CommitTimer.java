package io.fusedax.backing.volume;

import io.fusedax.backing.FsException;
import io.fusedax.backing.journal.CommitCause;
import io.fusedax.backing.journal.Journal;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;

/**
 * Commits the running transaction when it has reached the commit interval's age, and has the region
 * looked at once a second.
 */
final class CommitTimer {
    /** The age is looked at this often within an interval. */
    private static final int LOOKS_PER_INTERVAL = 10;

    private static final long WATCH_SECONDS = 1;

    private final ScheduledExecutorService executor;

    private CommitTimer(ScheduledExecutorService executor) {
        this.executor = executor;
    }

    /**
     * @param onFailure told of a commit that failed
     * @param watch looks at the region; not called where nothing is committed by time
     */
    static CommitTimer start(
            Journal journal,
            VolumeOptions options,
            BiConsumer<String, Throwable> onFailure,
            Runnable watch) {
        ScheduledExecutorService executor =
                Executors.newSingleThreadScheduledExecutor(CommitTimer::newThread);
        long intervalNanos = TimeUnit.MILLISECONDS.toNanos(options.commitIntervalMillis());
        if (intervalNanos > 0) {
            long periodNanos = Math.max(intervalNanos / LOOKS_PER_INTERVAL, 1_000_000);
            var unused =
                    executor.scheduleWithFixedDelay(
                            () -> commitIfOld(journal, intervalNanos - periodNanos, onFailure),
                            periodNanos,
                            periodNanos,
                            TimeUnit.NANOSECONDS);
            var unusedWatch =
                    executor.scheduleWithFixedDelay(
                            watch, WATCH_SECONDS, WATCH_SECONDS, TimeUnit.SECONDS);
        }
        return new CommitTimer(executor);
    }

    private static Thread newThread(Runnable task) {
        Thread thread = new Thread(task, "commit-timer");
        thread.setDaemon(true);
        return thread;
    }

    private static void commitIfOld(
            Journal journal, long ageNanos, BiConsumer<String, Throwable> onFailure) {
        try {
            long tid = journal.runningTid();
            if (journal.failure() == null && journal.runningAgeNanos() >= ageNanos) {
                journal.commit(tid, CommitCause.INTERVAL);
            }
        } catch (FsException | RuntimeException | Error e) {
            onFailure.accept("interval commit", e); // never throws
        }
    }

    void stop() {
        executor.shutdown();
    }
}
