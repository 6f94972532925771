package io.fusedax.backing.region;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.locks.ReentrantLock;

/**
 * A region in an array that knows what of it is surely durable, and makes the images that a power
 * cut could leave: at this moment, or, where it records, at any store, flush or drain since.
 */
public final class CrashRegion extends ArrayRegion {
    private final CacheLines cache;
    private final ReentrantLock lock = new ReentrantLock();
    private final List<Event> events = new ArrayList<>();
    private byte[] base;
    private boolean recording;
    private Runnable afterEach = () -> {};
    private Runnable beforeDrain = () -> {};

    /**
     * A store carries its bytes; a flush only its range; a drain nothing.
     *
     * @param offset of a store or flush
     * @param stored bytes of a store, or null
     * @param flushedBytes length of a flush, or 0
     */
    public record Event(int offset, byte[] stored, long flushedBytes) {
        /** Whether it is a drain. */
        public boolean isDrain() {
            return stored == null && flushedBytes == 0;
        }

        /** Does it to a cache. */
        public void applyTo(CacheLines cache) {
            if (stored != null) {
                System.arraycopy(stored, 0, cache.latest(), offset, stored.length);
                cache.stored(offset, stored.length);
            } else if (isDrain()) {
                cache.drain(line -> {}, line -> {});
            } else {
                cache.flush(offset, flushedBytes);
            }
        }
    }

    /** A region of zeros. */
    public CrashRegion(int sizeBytes) {
        this(new byte[sizeBytes]);
    }

    /** A region with durable content, which becomes its own. */
    public CrashRegion(byte[] image) {
        super(image);
        cache = new CacheLines(image.clone(), image);
    }

    /** Runs after every store, flush and drain. */
    public void afterEach(Runnable action) {
        afterEach = action;
    }

    /** Runs at the start of every drain, without a lock. */
    public void beforeDrain(Runnable action) {
        beforeDrain = action;
    }

    /** What a power cut at this moment leaves. */
    public byte[] image(Survivors survivors, Random random) {
        lock.lock();
        try {
            return cache.image(survivors, random);
        } finally {
            lock.unlock();
        }
    }

    /** From now on every event is kept; what is there counts as durable. */
    public void record() {
        cache.flush(0, bytes.length);
        cache.drain(line -> {}, line -> {});
        base = bytes.clone();
        events.clear();
        recording = true;
    }

    /** Keeps no more events. */
    public void stopRecording() {
        recording = false;
    }

    /** What was there when recording began. */
    public byte[] base() {
        return base;
    }

    /** What happened since. */
    public List<Event> events() {
        return events;
    }

    /** Cut positions: before the first event, and after each. */
    public int cuts() {
        return events.size() + 1;
    }

    /** What a power cut leaves after so many events. */
    public byte[] image(int cut, Survivors survivors, Random random) {
        CacheLines then = new CacheLines(base.clone(), base.clone());
        for (Event event : events.subList(0, cut)) {
            event.applyTo(then);
        }
        return then.image(survivors, random);
    }

    @Override
    protected void storing(int offset, int lengthBytes) {
        lock.lock(); // until stored(): nobody sees half of it
    }

    @Override
    protected void stored(int offset, int lengthBytes) {
        try {
            cache.stored(offset, lengthBytes);
            if (recording && lengthBytes > 0) {
                byte[] copy = Arrays.copyOfRange(bytes, offset, offset + lengthBytes);
                events.add(new Event(offset, copy, 0));
            }
        } finally {
            lock.unlock();
        }
        afterEach.run();
    }

    @Override
    public void flush(long offset, long lengthBytes) {
        super.flush(offset, lengthBytes);
        lock.lock();
        try {
            cache.flush(offset, lengthBytes);
            if (recording && lengthBytes > 0) {
                events.add(new Event((int) offset, null, lengthBytes));
            }
        } finally {
            lock.unlock();
        }
        afterEach.run();
    }

    @Override
    public void drain() {
        beforeDrain.run();
        lock.lock();
        try {
            cache.drain(line -> {}, line -> {});
            if (recording) {
                events.add(new Event(0, null, 0));
            }
        } finally {
            lock.unlock();
        }
        afterEach.run();
    }
}
