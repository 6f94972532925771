package io.fusedax.tests.powercut;

import java.util.ArrayList;
import java.util.List;

/** Workloads that are about one rule each; an even number makes a step choose the first file. */
final class Directed {
    private Directed() {}

    static List<Case> cases() {
        List<Case> cases = new ArrayList<>();
        for (int i = 0; i < 24; i += 2) {
            String two = "." + i;
            String other = "." + (i + 100);
            // the log's end
            add(cases, Template.LOGGED, "CHMOD.1", "SYNC.0", "CHMOD.2", "SYNC.0", "WRITE" + two);
            add(cases, Template.LOGGED, "CHMOD.1", "SYNC.0", "CHMOD.2", "SYNC.0", "KILL.0");
            // bytes behind a shorter end
            for (String next : List.of("GROW", "PUNCH", "WRITE", "PREALLOCATE", "STORE_SYNC")) {
                add(cases, Template.SMALL, "SHRINK" + two, next + other);
            }
            add(cases, Template.SMALL, "SHRINK" + two, "SYNC.0", "GROW" + other, "SYNC.0");
            add(cases, Template.SMALL, "SHRINK" + two, "SYNC.0", "STORE_SYNC.0", "GROW" + other);
            // what a call made durable, without any other flush
            add(cases, Template.SMALL, "WRITE_DSYNC" + other, "WRITE_SYNC" + two);
            add(cases, Template.SMALL, "GROW" + two, "WRITE_DSYNC" + other, "APPEND" + other);
            add(cases, Template.SMALL, "PREALLOCATE" + other, "WRITE_DSYNC" + two);
            add(cases, Template.SMALL, "WRITE" + two, "FDATASYNC" + other);
            add(cases, Template.SMALL, "REWRITE" + two, "REWRITE" + other);
            add(cases, Template.SMALL, "STORE" + two, "FSYNC" + other);
            add(cases, Template.SMALL, "STORE" + other, "SYNC.0");
            add(cases, Template.SMALL, "PUNCH" + two, "FSYNC" + other);
            add(cases, Template.SMALL, "SHRINK" + two, "SYNC.0", "GROW" + other, "FSYNC.0");
            add(cases, Template.SMALL, "SET_LONG_XATTR" + two, "FSYNC" + other);
            // holes and preallocated blocks made to blocks
            add(cases, Template.SMALL, "GROW" + two, "STORE_SYNC" + other, "STORE_SYNC" + two);
            add(cases, Template.SMALL, "PREALLOCATE" + two, "SYNC.0", "STORE_SYNC" + other);
            // recovery, then more
            add(cases, Template.SMALL, "STORE" + two, "KILL.0");
            add(cases, Template.SMALL, "APPEND" + two, "SYNC.0", "KILL.0", "CREATE.1", "SYNC.0");
            add(cases, Template.SMALL, "KILL.0", "WRITE" + two, "SYNC.0", "KILL.0", "SYNC.0");
            if (i < 8) {
                reuse(cases, i);
                orphans(cases, i);
            }
        }
        many(cases);
        return cases;
    }

    /** A block that held metadata and is in the log becomes a file's. */
    private static void reuse(List<Case> cases, int i) {
        List<String> steps = new ArrayList<>();
        steps.addAll(List.of("SET_XATTR." + i, "SYNC.0", "UNLINK_FILE.0", "UNLINK_FILE.0"));
        steps.add("SYNC.0");
        for (int j = 0; j < 25; j++) { // so many that all free blocks are used
            steps.add("APPEND." + (2 * j + 30));
        }
        steps.add("SYNC.0");
        add(cases, Template.FULL, steps.toArray(String[]::new));
        steps.remove(4); // the same without waiting for the free to be durable
        add(cases, Template.FULL, steps.toArray(String[]::new));
    }

    private static void orphans(List<Case> cases, int i) {
        add(cases, Template.SMALL, "UNLINK_OPEN." + i, "SYNC.0", "APPEND." + i, "SYNC.0");
        add(cases, Template.SMALL, "TMPFILE." + i, "SYNC.0");
        add(cases, Template.STEPS, "SHRINK." + i, "SYNC.0");
        add(cases, Template.STEPS, "UNLINK_FILE." + i, "SYNC.0");
    }

    /** More inodes than the cache holds, all changed by one transaction. */
    private static void many(List<Case> cases) {
        List<String> steps = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            steps.add("CREATE." + (2 * i + 1));
        }
        steps.add("CHMOD.1");
        steps.add("SYNC.0");
        add(cases, Template.SMALL, steps.toArray(String[]::new));
    }

    private static void add(List<Case> cases, Template template, String... steps) {
        cases.add(new Case(template, cases.size(), Step.parse(String.join(",", steps))));
    }
}
