package io.fusedax.tests.powercut;

import io.fusedax.backing.FsException;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;

/** What a mutant is put through, within its own class loader; ends at the first violation. */
public final class MutantRun implements Callable<String> {
    /** What is tried first: where a mutation of some kind shows soon. */
    enum Focus {
        WORKLOADS {
            @Override
            void run(Campaign campaign, long seed) throws FsException {
                campaign.directed();
            }
        },
        FORMATS {
            @Override
            void run(Campaign campaign, long seed) throws FsException {
                for (int i = 0; !campaign.over(); i++) {
                    campaign.formats(seed + i);
                }
            }
        },
        REPAIRS {
            @Override
            void run(Campaign campaign, long seed) throws FsException {
                campaign.repairs(seed, 300);
            }
        },
        CORRUPTIONS {
            @Override
            void run(Campaign campaign, long seed) throws FsException {
                campaign.corruptions(seed, 3000);
            }
        };

        abstract void run(Campaign campaign, long seed) throws FsException;

        static Focus of(Mutation mutation) {
            String where = mutation.type() + "." + mutation.method();
            if (mutation.callee().equals("Checksums.problem")) {
                return CORRUPTIONS;
            }
            if (where.contains("Check") || where.contains("Repair")) {
                return REPAIRS;
            }
            return where.matches(".*(Formatter|[.]format|[.]wipe).*") ? FORMATS : WORKLOADS;
        }
    }

    private final long seed;
    private final long limitMillis;
    private final Focus focus;

    /** Called by reflection, with the name of a {@link Focus}. */
    public MutantRun(long seed, long limitMillis, String focus) {
        this.seed = seed;
        this.limitMillis = limitMillis;
        this.focus = Focus.valueOf(focus);
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
            focus.run(campaign, seed);
            for (int round = 0; !campaign.over(); round++) {
                campaign.directed();
                campaign.hunt(seed + round, 24);
                campaign.corruptions(seed + round * 1000, 150);
                campaign.repairs(seed + round * 1000, 6);
            }
        } catch (Exception | Error e) {
            return e.toString();
        }
        return campaign.violations() == 0 ? null : text.toString(StandardCharsets.UTF_8).strip();
    }
}
