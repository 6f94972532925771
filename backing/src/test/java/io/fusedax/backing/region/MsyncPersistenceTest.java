package io.fusedax.backing.region;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.Counter;
import io.fusedax.backing.Counters;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class MsyncPersistenceTest {
    private static final int PAGE = 4096;

    private final Counters counters = new Counters();
    private final List<String> calls = Collections.synchronizedList(new ArrayList<>());
    private final ExecutorService threads = Executors.newCachedThreadPool();

    /** Records its calls; one can be made to wait or to fail. */
    private class FakeMedia implements MsyncPersistence.Media {
        @Override
        public void msync(long offset, long lengthBytes) throws IOException {
            calls.add("msync " + offset / PAGE + "+" + lengthBytes / PAGE);
        }

        @Override
        public void fdatasync() throws IOException {
            calls.add("fdatasync");
        }
    }

    private MsyncPersistence over(MsyncPersistence.Media media) {
        return new MsyncPersistence(media, PAGE, counters);
    }

    @AfterEach
    void stopThreads() {
        threads.shutdownNow();
    }

    @Test
    void drainWithNothingFlushedCostsNoCall() {
        MsyncPersistence persistence = over(new FakeMedia());
        persistence.drain();
        persistence.flush(100, 0);
        persistence.drain();
        persistence.flush(100, 8);
        persistence.drain();
        persistence.drain();
        assertEquals(List.of("msync 0+1"), calls);
        assertEquals(1, counters.get(Counter.REGION_MSYNCS));
    }

    @Test
    void drainWritesEveryFlushedPageOnceInOrder() {
        MsyncPersistence persistence = over(new FakeMedia());
        persistence.flush(9 * PAGE, PAGE);
        persistence.flush(PAGE - 1, 2);
        persistence.flush(2 * PAGE, 1);
        persistence.drain();
        assertEquals(List.of("msync 0+3", "msync 9+1"), calls);
    }

    @Test
    void tooManyRangesBecomeOneFdatasync() {
        MsyncPersistence persistence = over(new FakeMedia());
        for (int i = 0; i <= MsyncPersistence.MAX_RANGES; i++) {
            persistence.flush(2L * i * PAGE, 1);
        }
        persistence.drain();
        persistence.flush(0, 1);
        persistence.drain();
        assertEquals(List.of("fdatasync", "msync 0+1"), calls);
        assertEquals(1, counters.get(Counter.REGION_FDATASYNCS));
        assertEquals(1, counters.get(Counter.REGION_MSYNCS));
    }

    @Test
    void drainWaitsForRangesAnotherDrainTook() throws Exception {
        CountDownLatch entered = new CountDownLatch(1);
        CountDownLatch release = new CountDownLatch(1);
        MsyncPersistence persistence =
                over(
                        new FakeMedia() {
                            @Override
                            public void msync(long offset, long lengthBytes) throws IOException {
                                entered.countDown();
                                awaitUnchecked(release);
                                super.msync(offset, lengthBytes);
                            }
                        });
        persistence.flush(0, 1);
        Future<?> first = threads.submit(persistence::drain);
        entered.await();
        Thread second =
                new Thread(
                        () -> {
                            persistence.drain(); // nothing of its own to write
                            calls.add("second drained");
                        });
        second.start();
        while (second.getState() != Thread.State.WAITING) {
            Thread.onSpinWait();
        }
        release.countDown();
        first.get();
        second.join();
        assertEquals(List.of("msync 0+1", "second drained"), calls);
    }

    @Test
    void drainsThatWaitShareOneBatch() throws Exception {
        CountDownLatch entered = new CountDownLatch(1);
        CountDownLatch release = new CountDownLatch(1);
        MsyncPersistence persistence =
                over(
                        new FakeMedia() {
                            @Override
                            public void msync(long offset, long lengthBytes) throws IOException {
                                super.msync(offset, lengthBytes);
                                entered.countDown();
                                awaitUnchecked(release);
                            }
                        });
        persistence.flush(0, 1);
        Future<?> first = threads.submit(persistence::drain);
        entered.await();
        List<Thread> waiting = new ArrayList<>();
        for (int i = 5; i < 8; i++) {
            persistence.flush((long) i * PAGE, 1);
            waiting.add(new Thread(persistence::drain));
        }
        waiting.forEach(Thread::start);
        while (!waiting.stream().allMatch(thread -> thread.getState() == Thread.State.WAITING)) {
            Thread.onSpinWait();
        }
        release.countDown();
        first.get();
        for (Thread thread : waiting) {
            thread.join();
        }
        assertEquals(List.of("msync 0+1", "msync 5+3"), calls);
    }

    @Test
    void everyFlushIsWrittenWhenItsDrainReturns() throws Exception {
        Random random = Seed.random("MsyncPersistenceTest");
        int pages = 200;
        AtomicIntegerArray stored = new AtomicIntegerArray(pages);
        AtomicIntegerArray durable = new AtomicIntegerArray(pages);
        MsyncPersistence persistence =
                over(
                        new MsyncPersistence.Media() {
                            @Override
                            public void msync(long offset, long lengthBytes) {
                                for (int page = (int) (offset / PAGE);
                                        page < (offset + lengthBytes) / PAGE;
                                        page++) {
                                    durable.set(page, stored.get(page));
                                }
                            }

                            @Override
                            public void fdatasync() {
                                msync(0, (long) pages * PAGE);
                            }
                        });
        List<Future<?>> writers = new ArrayList<>();
        for (int writer = 0; writer < 4; writer++) {
            int first = writer * pages / 4;
            Random own = new Random(random.nextLong());
            writers.add(
                    threads.submit(
                            () -> {
                                for (int round = 1; round < 5000; round++) {
                                    int page = first + own.nextInt(pages / 4);
                                    stored.set(page, round);
                                    persistence.flush((long) page * PAGE, 1);
                                    if (own.nextInt(3) == 0) {
                                        persistence.drain();
                                        assertEquals(round, durable.get(page));
                                    }
                                }
                            }));
        }
        for (Future<?> writer : writers) {
            writer.get();
        }
    }

    @Test
    void failedWriteBackFailsEveryLaterDrain() {
        MsyncPersistence persistence =
                over(
                        new FakeMedia() {
                            @Override
                            public void msync(long offset, long lengthBytes) throws IOException {
                                super.msync(offset, lengthBytes);
                                throw new IOException("no disk");
                            }
                        });
        persistence.flush(0, 1);
        UncheckedIOException e = assertThrows(UncheckedIOException.class, persistence::drain);
        assertEquals("no disk", e.getCause().getCause().getMessage());
        assertThrows(UncheckedIOException.class, persistence::drain);
        persistence.flush(0, 1);
        assertThrows(UncheckedIOException.class, persistence::drain);
        assertEquals(1, calls.size());
    }

    @Test
    void interruptedThreadStillDrains() {
        MsyncPersistence persistence = over(new FakeMedia());
        persistence.flush(0, 1);
        Thread.currentThread().interrupt();
        persistence.drain();
        assertTrue(Thread.interrupted());
        assertEquals(List.of("msync 0+1"), calls);
    }

    private static void awaitUnchecked(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
