package io.fusedax.tests.powercut;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;

/** What a mutant is put through, within its own class loader; ends at the first violation. */
public final class MutantRun implements Callable<String> {
    private final long seed;
    private final long limitMillis;

    /** Called by reflection. */
    public MutantRun(long seed, long limitMillis) {
        this.seed = seed;
        this.limitMillis = limitMillis;
    }

    /** What was noticed first, or null. */
    @Override
    public String call() {
        ByteArrayOutputStream text = new ByteArrayOutputStream();
        PrintStream out = new PrintStream(text, true, StandardCharsets.UTF_8);
        Campaign campaign = new Campaign(out);
        campaign.limit(TimeUnit.MILLISECONDS.toNanos(limitMillis));
        campaign.stopAtFirst();
        try {
            campaign.directed();
            for (int round = 0; !campaign.over(); round++) {
                campaign.hunt(seed + round, 24);
                campaign.corruptions(seed + round * 1000, 150);
                campaign.tools(seed + round * 1000, 6);
            }
        } catch (Exception | Error e) {
            return e.toString();
        }
        return campaign.violations() == 0 ? null : text.toString(StandardCharsets.UTF_8).strip();
    }
}
