package io.fusedax.mount;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Against a table with a line for each page. */
class GuardedAreasTest {
    private static final int PAGE = 4096;
    private static final int PAGES = 64;
    private static final int ROUNDS = 20_000;
    private static final int INODES = 4;

    private final GuardedAreas areas = new GuardedAreas();

    @Test
    void anAddressBelongsToTheYoungestMapping() {
        long seed = Long.getLong("seed", System.nanoTime());
        Random random = new Random(seed);
        GuardedAreas.Area[] model = new GuardedAreas.Area[PAGES];
        List<GuardedAreas.Area> made = new ArrayList<>();
        for (int round = 0; round < ROUNDS; round++) {
            if (random.nextInt(50) == 0) {
                long inode = random.nextInt(INODES);
                areas.remove(inode);
                forget(model, inode);
                made.removeIf(area -> area.inode() == inode);
            } else {
                put(model, areaFor(random, made, round));
            }
            for (int page = 0; page < PAGES; page++) {
                String where = "seed " + seed + " round " + round + " page " + page;
                compare(model[page], areas.find((long) page * PAGE), page, where);
            }
        }
    }

    /** A new one, or one that was noted before: a program faults in many of its mappings. */
    private static GuardedAreas.Area areaFor(
            Random random, List<GuardedAreas.Area> made, int round) {
        if (!made.isEmpty() && random.nextInt(3) == 0) {
            return made.get(random.nextInt(made.size()));
        }
        int from = random.nextInt(PAGES);
        int to = from + 1 + random.nextInt(PAGES - from);
        GuardedAreas.Area area =
                new GuardedAreas.Area(
                        (long) from * PAGE,
                        (long) to * PAGE,
                        round + 1,
                        random.nextInt(INODES),
                        (long) random.nextInt(PAGES) * PAGE,
                        random.nextBoolean());
        made.add(area);
        return area;
    }

    private void put(GuardedAreas.Area[] model, GuardedAreas.Area area) {
        areas.put(area);
        for (int page = (int) (area.start() / PAGE); page < area.end() / PAGE; page++) {
            if (model[page] == null || model[page].serial() <= area.serial()) {
                model[page] = area;
            }
        }
    }

    private static void forget(GuardedAreas.Area[] model, long inode) {
        for (int page = 0; page < PAGES; page++) {
            if (model[page] != null && model[page].inode() == inode) {
                model[page] = null;
            }
        }
    }

    private static void compare(
            GuardedAreas.Area expected, GuardedAreas.Area found, int page, String where) {
        if (expected == null) {
            assertNull(found, where);
            return;
        }
        long address = (long) page * PAGE;
        assertEquals(expected.serial(), found.serial(), where);
        assertEquals(expected.inode(), found.inode(), where);
        assertEquals(expected.sync(), found.sync(), where);
        assertEquals(expected.offsetOf(address), found.offsetOf(address), where);
    }
}
