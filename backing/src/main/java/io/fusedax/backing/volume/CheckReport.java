package io.fusedax.backing.volume;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** What a check found and, if it was to repair, did. One line of text for each problem. */
public final class CheckReport {
    /** Lines kept in memory; all go out. */
    private static final int MAX_KEPT_MESSAGES = 10_000;

    private final Consumer<String> out;
    private final boolean repairing;
    private final List<String> messages = new ArrayList<>();
    private int problems;
    private int repaired;

    CheckReport(Consumer<String> out, boolean repairing) {
        this.out = out;
        this.repairing = repairing;
    }

    /** A report that nobody reads but for its count. */
    static CheckReport silent() {
        return new CheckReport(line -> {}, false);
    }

    /** Problems found. */
    public int problems() {
        return problems;
    }

    /** Problems that a repair has put right. */
    public int repaired() {
        return repaired;
    }

    /** Whether nothing was wrong. */
    public boolean clean() {
        return problems == 0;
    }

    /** The first 10,000 lines, in order. */
    public List<String> messages() {
        return List.copyOf(messages);
    }

    /**
     * Notes something wrong.
     *
     * @param text structure, its offset in the region, what is found and what is expected
     * @param remedy what a repair does about it
     */
    void problem(String text, String remedy) {
        problems++;
        note(repairing ? text + "; " + remedy : text);
    }

    /** Notes something wrong that no repair can put right. */
    void unrepairable(String text) {
        problem(text, "cannot be repaired");
    }

    /** Says something that is no problem. */
    void note(String text) {
        if (messages.size() < MAX_KEPT_MESSAGES) {
            messages.add(text);
        }
        out.accept(text);
    }

    /** The repair is durable; so many problems are left. */
    void stored(int problemsLeft) {
        repaired = Math.max(0, problems - problemsLeft);
    }
}
