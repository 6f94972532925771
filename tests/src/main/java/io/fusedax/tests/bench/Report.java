package io.fusedax.tests.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.Locale;

/** What was measured and how it compares: printed as it comes, kept for the JSON file. */
final class Report {
    static final double NO_TARGET = Double.NaN;

    private final ObjectMapper mapper = new ObjectMapper();
    private final ObjectNode root = mapper.createObjectNode();
    private final ArrayNode results = root.putArray("results");
    private final PrintStream out;
    private int judged;
    private int missed;

    Report(PrintStream out) {
        this.out = out;
    }

    void environment(String key, Object value) {
        root.withObject("/environment").put(key, value.toString());
        line("%s: %s", key, value);
    }

    void heading(String text) {
        line("%n## %s", text);
    }

    void line(String format, Object... arguments) {
        out.printf(Locale.ROOT, format + "%n", arguments);
    }

    /** A plain number. */
    void value(String section, String name, double value, String unit) {
        ObjectNode result = result(section, name);
        result.put("value", value);
        result.put("unit", unit);
        line("  %-58s %12.2f %s", name, value, unit);
    }

    /** A number that is at most its limit, or misses. */
    void atMost(String section, String name, double value, double limit, String unit) {
        ObjectNode result = result(section, name);
        result.put("value", value);
        result.put("unit", unit);
        line("  %-58s %12.2f %s  %s", name, value, unit, judge(result, value, limit));
    }

    /**
     * Compares with a limit (NaN: none), to the two digits that are printed, and notes the verdict.
     *
     * @return for example {@code "<= 0.75 PASS"}, empty without a limit
     */
    String judge(ObjectNode result, double value, double limit) {
        if (Double.isNaN(limit)) {
            return "";
        }
        boolean pass = Math.round(value * 100) <= Math.round(limit * 100);
        judged++;
        missed += pass ? 0 : 1;
        result.put("limit", limit);
        result.put("verdict", pass ? "PASS" : "MISS");
        return String.format(Locale.ROOT, "<= %.2f %s", limit, pass ? "PASS" : "MISS");
    }

    /** A fact that holds or not. */
    void expect(String section, String name, boolean holds) {
        judged++;
        missed += holds ? 0 : 1;
        result(section, name).put("verdict", holds ? "PASS" : "MISS");
        line("  %-58s %s", name, holds ? "PASS" : "MISS");
    }

    ObjectNode result(String section, String name) {
        return results.addObject().put("section", section).put("name", name);
    }

    /** Prints the sum and returns how many targets were missed. */
    int finish() {
        root.put("judged", judged).put("missed", missed);
        line("%n%d targets, %d missed", judged, missed);
        return missed;
    }

    void writeJson(Path file) throws IOException {
        mapper.writerWithDefaultPrettyPrinter().writeValue(file.toFile(), root);
    }
}
