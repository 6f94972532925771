package io.fusedax.mount;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Where a program has pieces of which files mapped behind a userfaultfd: which address is which
 * offset. It is locked by the caller of every method. Guards hold the lock long (other programs may
 * be waited for, or the program's own calls of mmap), so request threads do not wait for it.
 *
 * <p>Invariants: an address belongs to the youngest of the mappings that were noted for it; a
 * mapping that has gone may stay noted, as nothing is guarded there until something younger is.
 */
final class GuardedAreas {
    /** The youngest has the highest serial. Offsets are of the file. */
    record Area(long start, long end, long serial, long inode, long offset, boolean sync) {
        long offsetOf(long address) {
            return offset + (address - start);
        }

        private Area part(long from, long to) {
            return new Area(from, to, serial, inode, offsetOf(from), sync);
        }

        private boolean includes(Area other) {
            return serial == other.serial && start <= other.start && end >= other.end;
        }
    }

    /** As many as the library has areas; numbers and places are the program's choice. */
    private static final int MAX_AREAS = 65_536;

    private static final long PATIENCE_MILLIS = 10;

    private final ReentrantLock lock = new ReentrantLock();

    private final TreeMap<Long, Area> byStart = new TreeMap<>(); // disjoint

    void lock() {
        lock.lock();
    }

    /** As {@link #lock}, or false if that takes more than a moment. */
    boolean tryLock() {
        try {
            return lock.tryLock(PATIENCE_MILLIS, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    void unlock() {
        lock.unlock();
    }

    /** The area at an address, or null. */
    Area find(long address) {
        Map.Entry<Long, Area> entry = byStart.floorEntry(address);
        return entry == null || address >= entry.getValue().end ? null : entry.getValue();
    }

    /**
     * Notes an area, as far as nothing younger lies there.
     *
     * @return false if there are too many
     */
    boolean put(Area area) {
        Area known = find(area.start);
        if (known != null && known.includes(area)) {
            return true;
        }
        if (byStart.size() >= MAX_AREAS) {
            return false;
        }
        long at = area.start;
        for (Area other : overlapping(area)) {
            if (other.serial <= area.serial) {
                cut(other, area.start, area.end);
                continue;
            }
            add(area, at, other.start);
            at = Math.max(at, other.end);
        }
        add(area, at, area.end);
        return true;
    }

    private List<Area> overlapping(Area area) {
        Area first = find(area.start);
        long from = first == null ? area.start : first.start;
        return new ArrayList<>(byStart.subMap(from, area.end).values());
    }

    private void cut(Area area, long from, long to) {
        byStart.remove(area.start);
        add(area, area.start, Math.min(area.end, from));
        add(area, Math.max(area.start, to), area.end);
    }

    private void add(Area area, long from, long to) {
        if (from < to) {
            byStart.put(from, area.part(from, to));
        }
    }

    /** The program has no mapping of a file any more. */
    void remove(long inode) {
        byStart.values().removeIf(area -> area.inode == inode);
    }
}
