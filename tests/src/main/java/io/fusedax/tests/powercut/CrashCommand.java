package io.fusedax.tests.powercut;

import io.fusedax.backing.FsException;
import java.lang.management.ManagementFactory;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The command behind tests/crash. */
@Command(
        name = "crash",
        mixinStandardHelpOptions = true,
        description = "Cuts the power of small volumes everywhere. Exit code 1: something is lost.")
public final class CrashCommand implements Callable<Integer> {
    @Option(names = "--seconds", paramLabel = "N", description = "How long; default 60.")
    private long seconds = 60;

    @Option(names = "--seed", paramLabel = "S", description = "Of all that is random.")
    private Long seed;

    @Option(names = "--replay", paramLabel = "CASE", description = "Run one workload again.")
    private String replay;

    @Option(
            names = "--corruptions",
            paramLabel = "N",
            description = "Instead: damage N images, mount and repair them.")
    private long corruptions;

    @Option(
            names = "--mutations",
            paramLabel = "TEXT",
            arity = "0..1",
            fallbackValue = "",
            description = "Instead: switch off what the design relies on; all, or those so named.")
    private String mutations;

    @Option(
            names = "--mutant-seconds",
            paramLabel = "N",
            description = "Time for a mutant that is not noticed; default 10.")
    private long mutantSeconds = 10;

    /** Runs. */
    public static void main(String[] arguments) {
        System.exit(new CommandLine(new CrashCommand()).execute(arguments));
    }

    @Override
    public Integer call() throws FsException, ReflectiveOperationException {
        long used = seed == null ? System.nanoTime() : seed;
        if (mutations != null) {
            return new MutationProof(System.out, used, mutantSeconds * 1000).run(mutations);
        }
        if (corruptions > 0) {
            return CorruptionRun.run(used, corruptions);
        }
        Campaign campaign = new Campaign(System.out);
        long start = System.nanoTime();
        if (replay != null) {
            campaign.run(Case.parse(replay));
        } else {
            System.out.println("seed " + used);
            campaign.limit(TimeUnit.SECONDS.toNanos(seconds));
            campaign.directed();
            campaign.hunt(used, 60);
            campaign.singles(used);
            campaign.formats(used);
            campaign.repairs(used, 20);
            campaign.pairs(used);
            for (int round = 0; !campaign.over(); round++) {
                campaign.random(used + round, 100);
                campaign.repairs(used + 100 + 5 * round, 5);
            }
        }
        double elapsed = (System.nanoTime() - start) / 1e9;
        double busy = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() / 1e9;
        System.out.printf(
                "%d workloads, %.1f s, %.0f images a second, %.0f a second of processor time%n",
                campaign.workloads(),
                elapsed,
                campaign.images() / elapsed,
                campaign.images() / busy);
        System.out.printf(
                "%d images checked, %d violations%n", campaign.images(), campaign.violations());
        return campaign.violations() == 0 ? 0 : 1;
    }
}
