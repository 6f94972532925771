package io.fusedax.tests.vm;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** What a guest printed as lines "COLUMN | TEXT", to be compared and shown side by side. */
final class Columns {
    private final Map<String, String> textByColumn = new LinkedHashMap<>();

    /** The lines of {@code out} that begin with one of the columns. */
    static Columns of(String out, List<String> columns) {
        Columns result = new Columns();
        columns.forEach(column -> result.textByColumn.put(column, ""));
        for (String line : out.lines().toList()) {
            int bar = line.indexOf(" | ");
            if (bar > 0 && columns.contains(line.substring(0, bar))) {
                result.textByColumn.merge(
                        line.substring(0, bar), line.substring(bar + 3) + "\n", String::concat);
            }
        }
        return result;
    }

    /** The lines of a column. */
    String text(String column) {
        return textByColumn.get(column);
    }

    /**
     * Prints rows of all columns: one line for the row where they agree, else a line for each
     * answer with the columns that gave it.
     *
     * @param rows by column, then by row's name
     */
    static void print(String title, Map<String, Map<String, String>> rows) {
        Set<String> names = new LinkedHashSet<>();
        rows.values().forEach(column -> names.addAll(column.keySet()));
        System.out.printf("%s: %s%n", title, String.join(", ", rows.keySet()));
        for (String name : names) {
            Map<String, List<String>> columnsByAnswer = new LinkedHashMap<>();
            rows.forEach(
                    (column, answers) ->
                            columnsByAnswer
                                    .computeIfAbsent(
                                            answers.getOrDefault(name, "(no such row)"),
                                            unused -> new ArrayList<>())
                                    .add(column));
            columnsByAnswer.forEach(
                    (answer, columns) ->
                            System.out.printf(
                                    "  %-66s | %-40s | %s%n",
                                    name,
                                    columns.size() == rows.size() ? "all" : shown(columns),
                                    answer));
        }
    }

    private static String shown(List<String> columns) {
        return String.join(", ", new TreeSet<>(columns));
    }
}
