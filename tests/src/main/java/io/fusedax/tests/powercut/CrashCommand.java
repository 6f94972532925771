package io.fusedax.tests.powercut;

import io.fusedax.backing.FsException;
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

    /** Runs. */
    public static void main(String[] arguments) {
        System.exit(new CommandLine(new CrashCommand()).execute(arguments));
    }

    @Override
    public Integer call() throws FsException {
        long used = seed == null ? System.nanoTime() : seed;
        Campaign campaign = new Campaign(System.out);
        long start = System.nanoTime();
        if (replay != null) {
            campaign.run(Case.parse(replay));
        } else {
            System.out.println("seed " + used);
            campaign.limit(TimeUnit.SECONDS.toNanos(seconds));
            campaign.singles(used);
            campaign.pairs(used);
            for (int round = 0; !campaign.over(); round++) {
                campaign.random(used + round, 100);
            }
        }
        double elapsed = (System.nanoTime() - start) / 1e9;
        System.out.printf(
                "%d workloads, %.0f images/s, %.1f s%n",
                campaign.workloads(), campaign.images() / elapsed, elapsed);
        System.out.printf(
                "%d images checked, %d violations%n", campaign.images(), campaign.violations());
        return campaign.violations() == 0 ? 0 : 1;
    }
}
