package io.fusedax.tests.powercut;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;

/** Runs all mutants and says which were noticed. */
public final class MutationProof {
    /** What no enumeration can notice, and why that is no gap. */
    private static final Map<String, String> ARGUED =
            Map.of(
                    "Journal.close without JournalLog.reset#0",
                    "the next mount replays what is home already; JournalCrashTest notices",
                    "DataOperations.lambda$shrinkLocked$2 without Reclaimer.enter#0",
                    "no commit falls between the steps here; VolumeCrashTest makes one fall",
                    "RepairStore.storeUnseen without Region.flush#0",
                    "of blocks with two owners, which VolumeRepairCutTest makes and notices");

    private final PrintStream out;
    private final long seed;
    private final long limitMillis;
    private final List<String> missed = new ArrayList<>();
    private int caught;
    private int argued;

    /**
     * @param limitMillis time for each mutant that is not noticed
     */
    public MutationProof(PrintStream out, long seed, long limitMillis) {
        this.out = out;
        this.seed = seed;
        this.limitMillis = limitMillis;
    }

    /** Mutants that nobody noticed nor argued away. */
    public List<String> missed() {
        return missed;
    }

    /**
     * Runs all whose name contains a text.
     *
     * @return exit status
     */
    public int run(String filter) throws ReflectiveOperationException {
        String control = noticed(null);
        if (control != null) {
            out.println("without any mutation: " + control);
            return 1;
        }
        for (Mutation mutation : Mutations.all()) {
            if (mutation.toString().contains(filter)) {
                runOne(mutation);
            }
        }
        out.printf(
                "%d mutants: %d caught, %d argued away, %d missed%n",
                caught + argued + missed.size(), caught, argued, missed.size());
        return missed.isEmpty() ? 0 : 1;
    }

    private void runOne(Mutation mutation) throws ReflectiveOperationException {
        String reason = ARGUED.get(mutation.toString());
        if (reason != null) {
            argued++;
            out.println("argued " + mutation + ": " + reason);
            return;
        }
        long start = System.nanoTime();
        String noticed = noticed(mutation);
        long millis = (System.nanoTime() - start) / 1_000_000;
        if (noticed == null) {
            missed.add(mutation.toString());
            out.println("MISSED " + mutation + " ms=" + millis);
        } else {
            caught++;
            String shown =
                    noticed.lines()
                            .filter(line -> !line.startsWith("  after event"))
                            .map(
                                    line ->
                                            line.strip()
                                                    .substring(
                                                            0,
                                                            Math.min(300, line.strip().length())))
                            .collect(Collectors.joining("; "));
            out.println("caught " + mutation + " ms=" + millis + ": " + shown);
        }
    }

    private String noticed(Mutation mutation) throws ReflectiveOperationException {
        Class<?> run = new MutantLoader(mutation).loadClass(MutantRun.class.getName());
        MutantRun.Focus focus =
                mutation == null ? MutantRun.Focus.WORKLOADS : MutantRun.Focus.of(mutation);
        Object instance =
                run.getConstructor(long.class, long.class, String.class)
                        .newInstance(seed, limitMillis, focus.name());
        try {
            return (String) ((Callable<?>) instance).call();
        } catch (Exception e) {
            return e.toString();
        }
    }
}
