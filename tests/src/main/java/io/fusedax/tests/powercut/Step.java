package io.fusedax.tests.powercut;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * One call of a workload: its kind, and a number that chooses its targets among what is there.
 *
 * @param kind what it does
 * @param choice seed of its choices
 */
record Step(StepKind kind, int choice) {
    static Step random(StepKind kind, Random random) {
        return new Step(kind, random.nextInt(1000));
    }

    static List<Step> parse(String text) {
        List<Step> steps = new ArrayList<>();
        for (String step : text.split(",")) {
            int dot = step.indexOf('.');
            if (dot > 0) {
                steps.add(
                        new Step(
                                StepKind.valueOf(step.substring(0, dot)),
                                Integer.parseInt(step.substring(dot + 1))));
            }
        }
        return steps;
    }

    static String format(List<Step> steps) {
        return String.join(",", steps.stream().map(Step::toString).toList());
    }

    @Override
    public String toString() {
        return kind + "." + choice;
    }
}
