package io.fusedax.backing.volume;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** What a check found and, if it was to repair, did: one line of text for each problem. */
public final class CheckReport {
    /** Lines kept in memory; all go out. */
    private static final int MAX_KEPT_MESSAGES = 10_000;

    private final Consumer<String> out;
    private final List<String> messages = new ArrayList<>();
    private int problems;
    private int repaired;

    CheckReport(Consumer<String> out) {
        this.out = out;
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

    /** Notes something wrong: structure, offset in the region, what is found, what is expected. */
    void problem(String text) {
        problems++;
        note(text);
    }

    /** Says something that is no problem. */
    void note(String text) {
        if (messages.size() < MAX_KEPT_MESSAGES) {
            messages.add(text);
        }
        out.accept(text);
    }

    /** A repair is durable, and left so many problems. */
    void repairedBut(int left) {
        repaired = Math.max(0, problems - left);
    }
}
