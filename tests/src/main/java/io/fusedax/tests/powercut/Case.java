package io.fusedax.tests.powercut;

import java.util.List;
import java.util.Locale;

/**
 * A workload that can be run again.
 *
 * @param template what it starts from
 * @param seed chooses among images that are too many
 * @param steps what is done
 */
record Case(Template template, long seed, List<Step> steps) {
    static Case parse(String text) {
        String[] parts = text.split(":", 3);
        if (parts.length != 3) {
            throw new IllegalArgumentException(text + ": not TEMPLATE:SEED:STEP,STEP,...");
        }
        return new Case(
                Template.valueOf(parts[0].toUpperCase(Locale.ROOT)),
                Long.parseLong(parts[1]),
                Step.parse(parts[2]));
    }

    @Override
    public String toString() {
        return template + ":" + seed + ":" + Step.format(steps);
    }
}
