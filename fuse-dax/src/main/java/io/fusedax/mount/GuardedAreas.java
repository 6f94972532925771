package io.fusedax.mount;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Where a program has pieces of which files mapped behind a userfaultfd: which address is which
 * offset. Its monitor is held by the caller of every method.
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

    private final TreeMap<Long, Area> byStart = new TreeMap<>(); // disjoint

    /** The area at an address, or null. */
    Area find(long address) {
        Map.Entry<Long, Area> entry = byStart.floorEntry(address);
        return entry == null || address >= entry.getValue().end ? null : entry.getValue();
    }

    /** Notes an area, as far as nothing younger lies there. */
    void put(Area area) {
        Area known = find(area.start);
        if (known != null && known.includes(area)) {
            return;
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

    int size() {
        return byStart.size();
    }
}
