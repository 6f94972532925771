package io.fusedax.tests.powercut;

import io.fusedax.backing.FsException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Runs workloads until the time is over or a pass is complete, and reports what they show. */
final class Campaign {
    private static final int REPAIR_CUTS = 60;
    private static final int FEW_REPAIR_CUTS = 10;
    private static final int MOST_SHRINKING_RUNS = 200;
    private static final long SHRINKING_NANOS = 30_000_000_000L;

    private final PrintStream out;
    private final ImageChecker checker = new ImageChecker();
    private long deadlineNanos = Long.MAX_VALUE;
    private int mostViolations = 5;
    private boolean shrinking = true;
    private Corruptions corruptions;
    private long images;
    private long workloads;
    private long violations;

    Campaign(PrintStream out) {
        this.out = out;
    }

    /** Ends when so much time has passed. */
    void limit(long nanos) {
        deadlineNanos = System.nanoTime() + nanos;
    }

    /** Shows that something is wrong, not what. */
    void stopAtFirst() {
        mostViolations = 1;
        shrinking = false;
        checker.fsckEvery(4);
    }

    boolean over() {
        return System.nanoTime() > deadlineNanos || violations >= mostViolations;
    }

    long images() {
        return images;
    }

    long workloads() {
        return workloads;
    }

    long violations() {
        return violations;
    }

    /** Reports a violation that is not of a workload. */
    void violation(String text) {
        violations++;
        out.println("VIOLATION " + text);
    }

    /** Workloads that are about one rule each. */
    void directed() throws FsException {
        for (Case each : Directed.cases()) {
            run(each);
        }
    }

    /** Each kind of step alone, on each template. */
    void singles(long seed) throws FsException {
        Random random = Mix.random(seed);
        for (Template template : List.of(Template.SMALL, Template.FULL, Template.LOGGED)) {
            for (StepKind kind : StepKind.values()) {
                run(new Case(template, random.nextLong(), List.of(Step.random(kind, random))));
                run(
                        new Case(
                                template,
                                random.nextLong(),
                                List.of(Step.random(kind, random), new Step(StepKind.SYNC, 0))));
            }
        }
    }

    /** Every ordered pair of kinds, in random order, a sync point behind. */
    void pairs(long seed) throws FsException {
        Random random = Mix.random(seed);
        List<StepKind[]> pairs = new ArrayList<>();
        for (StepKind first : StepKind.values()) {
            for (StepKind second : StepKind.values()) {
                pairs.add(new StepKind[] {first, second});
            }
        }
        java.util.Collections.shuffle(pairs, random);
        for (StepKind[] pair : pairs) {
            List<Step> steps = new ArrayList<>();
            steps.add(Step.random(pair[0], random));
            if (random.nextInt(3) == 0) {
                steps.add(Step.random(StepKind.SYNC, random));
            }
            steps.add(Step.random(pair[1], random));
            steps.add(Step.random(StepKind.SYNC, random));
            Template[] templates = Template.values();
            run(new Case(templates[random.nextInt(4) % 3], random.nextLong(), steps));
        }
    }

    /** Triples with commit points between, and now and then a long sequence. */
    void random(long seed, int rounds) throws FsException {
        Random random = Mix.random(seed);
        StepKind[] kinds = StepKind.values();
        StepKind[] commits = {
            StepKind.SYNC, StepKind.FSYNC, StepKind.FDATASYNC, StepKind.FSYNC_DIRECTORY
        };
        for (int i = 0; i < rounds && !over(); i++) {
            List<Step> steps = new ArrayList<>();
            int length = i % 10 == 9 ? 20 + random.nextInt(40) : 3;
            for (int j = 0; j < length; j++) {
                steps.add(Step.random(kinds[random.nextInt(kinds.length)], random));
                if (random.nextInt(3) == 0) {
                    steps.add(Step.random(commits[random.nextInt(commits.length)], random));
                }
            }
            run(new Case(Template.values()[random.nextInt(4) % 3], random.nextLong(), steps));
        }
    }

    /** Cuts mkfs. */
    void formats(long seed) throws FsException {
        FormatCuts formats = new FormatCuts(seed);
        try {
            formats.run();
        } catch (Violation e) {
            violation(e.getMessage() + ", seed " + seed);
        }
        images += formats.images();
    }

    /** Cuts fsck's repair of several damages. */
    void repairs(long seed, int count) throws FsException {
        List<byte[]> used = RepairCuts.used();
        for (int i = 0; i < count && !over(); i++) {
            RepairCuts cuts = new RepairCuts(seed + i, shrinking ? REPAIR_CUTS : FEW_REPAIR_CUTS);
            try {
                cuts.run(used);
            } catch (Violation | RuntimeException e) {
                violation("repair of seed " + (seed + i) + ": " + e);
            }
            images += cuts.images();
        }
    }

    /** Damages so many images. */
    void corruptions(long seed, int count) throws FsException {
        corruptions = corruptions == null ? new Corruptions() : corruptions;
        try {
            for (int i = 0; i < count && !over(); i++) {
                corruptions.tryOne(seed + i);
            }
        } catch (Violation e) {
            violation(e.getMessage());
        }
    }

    /** Short workloads of calls that have to do with each other: finds soon what is wrong. */
    void hunt(long seed, int count) throws FsException {
        Random random = Mix.random(seed);
        for (int i = 0; i < count && !over(); i++) {
            StepKind[] kinds = StepKind.GROUPS[i % StepKind.GROUPS.length];
            List<Step> steps = new ArrayList<>();
            for (int j = 3 + random.nextInt(5); j > 0; j--) {
                steps.add(Step.random(kinds[random.nextInt(kinds.length)], random));
            }
            steps.add(new Step(StepKind.SYNC, 0));
            run(new Case(Template.values()[random.nextInt(3)], random.nextLong(), steps));
        }
    }

    /** Runs a workload; on a violation shrinks it and prints how to see it again. */
    void run(Case workload) throws FsException {
        if (over()) {
            return;
        }
        workloads++;
        String problem = problemOf(workload, deadlineNanos);
        if (problem != null) {
            if (!shrinking) {
                violation(problem + "\n  replay: tests/crash --replay '" + workload + "'");
                return;
            }
            out.println("seen in " + workload + ": " + problem);
            Case smaller = shrink(workload);
            violation(
                    problemOf(smaller, Long.MAX_VALUE)
                            + "\n  first seen in: "
                            + Step.format(workload.steps())
                            + "\n  shrunk to: "
                            + Step.format(smaller.steps())
                            + "\n  replay: tests/crash --replay '"
                            + smaller
                            + "'");
        }
    }

    private String problemOf(Case workload, long deadline) throws FsException {
        Enumeration enumeration = null;
        try {
            Recording recording = Recording.of(workload.template(), workload.steps());
            enumeration = new Enumeration(recording, checker, workload.seed());
            if (!shrinking) {
                enumeration.thin();
            }
            enumeration.run(deadline);
            return null;
        } catch (Violation e) {
            return e.getMessage() + "\n  " + enumeration.where();
        } catch (AssertionError e) {
            return "while running: " + e.getMessage();
        } finally {
            images += enumeration == null ? 0 : enumeration.images();
        }
    }

    /** Leaves out one step after the other as long as something is wrong. */
    private Case shrink(Case workload) throws FsException {
        Case smallest = workload;
        int runs = 0;
        long limit = System.nanoTime() + SHRINKING_NANOS;
        boolean smaller = true;
        while (smaller) {
            smaller = false;
            for (int i = smallest.steps().size() - 1; i >= 0; i--) {
                List<Step> fewer = new ArrayList<>(smallest.steps());
                fewer.remove(i);
                Case candidate = new Case(workload.template(), workload.seed(), fewer);
                if (++runs > MOST_SHRINKING_RUNS || System.nanoTime() > limit) {
                    return smallest;
                }
                if (!fewer.isEmpty() && problemOf(candidate, Long.MAX_VALUE) != null) {
                    smallest = candidate;
                    smaller = true;
                }
            }
        }
        return smallest;
    }
}
