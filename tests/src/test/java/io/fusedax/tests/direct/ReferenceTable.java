package io.fusedax.tests.direct;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** Rows of what real DAX file systems answered, and the comparison with what a mount answers. */
public final class ReferenceTable {
    /** smaps flags of the kernel's own DAX mappings: nothing outside the kernel can have them. */
    private static final String MARKS = " \\[(sf|hg)\\]";

    /** Rows by name, in order. */
    private final Map<String, String> rows;

    private ReferenceTable(Map<String, String> rows) {
        this.rows = rows;
    }

    /** The rows "label | name | result" of one label. */
    public static ReferenceTable labelled(String text, String label) {
        Map<String, String> rows = new LinkedHashMap<>();
        for (String line : lines(text)) {
            // Row names contain '|' themselves, but never with a space on either side.
            String[] parts = line.split(" +\\| ", 3);
            if (parts.length == 3 && parts[0].equals(label)) {
                put(rows, parts[1], parts[2]);
            }
        }
        return new ReferenceTable(rows);
    }

    /** The rows "name | result | more" below the line that starts with {@code section}. */
    static ReferenceTable section(String text, String section, String separator) {
        Map<String, String> rows = new LinkedHashMap<>();
        boolean inside = false;
        for (String line : lines(text)) {
            if (line.startsWith("==")) {
                inside = line.startsWith(section);
            } else if (inside) {
                row(rows, line, separator);
            }
        }
        return new ReferenceTable(rows);
    }

    /** The rows "name | result | more" of a whole text. */
    static ReferenceTable all(String text, String separator) {
        Map<String, String> rows = new LinkedHashMap<>();
        lines(text).forEach(line -> row(rows, line, separator));
        return new ReferenceTable(rows);
    }

    /** The text of a file of src/test/resources/reference. */
    public static String resource(String name) {
        try (InputStream in = ReferenceTable.class.getResourceAsStream("/reference/" + name)) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** How many rows there are. */
    public int size() {
        return rows.size();
    }

    /** Results by name of row, in order. */
    public Map<String, String> rows() {
        return rows;
    }

    /**
     * Prints every row that is not as expected, and a summary.
     *
     * @param exceptions names of rows that cannot be had, with the reason
     * @return the mismatches that are no exceptions; an exception that is not needed is one, too
     */
    public List<String> mismatches(
            String title, ReferenceTable got, Map<String, String> exceptions) {
        List<String> wrong = new ArrayList<>();
        int excepted = 0;
        Set<String> names = new TreeSet<>(got.rows.keySet());
        names.removeAll(rows.keySet());
        names.forEach(name -> wrong.add("%s: not asked for: %s".formatted(title, name)));
        for (Map.Entry<String, String> row : rows.entrySet()) {
            String answer = got.rows.getOrDefault(row.getKey(), "(no such row)");
            String reason = exceptions.get(row.getKey());
            if (reason != null && !answer.equals(row.getValue())) {
                excepted++;
                System.out.printf("%s: exception: %s: %s%n", title, row.getKey(), reason);
            } else if (reason != null || !answer.equals(row.getValue())) {
                wrong.add(
                        "%s: %s | expected: %s | got: %s"
                                .formatted(title, row.getKey(), row.getValue(), answer));
            }
        }
        wrong.forEach(System.out::println);
        System.out.printf(
                "%s: %d rows, %d as expected, %d exceptions, %d wrong%n",
                title, rows.size(), rows.size() - wrong.size() - excepted, excepted, wrong.size());
        return wrong;
    }

    private static List<String> lines(String text) {
        return text.lines().filter(line -> !line.startsWith("#")).toList();
    }

    private static void row(Map<String, String> rows, String line, String separator) {
        String[] parts = line.split(separator, 2);
        if (parts.length == 2) {
            put(rows, parts[0], parts[1]);
        }
    }

    private static void put(Map<String, String> rows, String name, String result) {
        String previous = rows.put(name.strip(), result.replaceAll(MARKS, "").strip());
        if (previous != null) {
            throw new AssertionError("two rows of one name: " + name);
        }
    }
}
