package io.fusedax.tools;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Renders trees of maps, lists and plain values: as JSON for machines, as text for people. */
final class Output {
    private static final String INDENT = "  ";

    private Output() {}

    /** One JSON document with a newline at its end; keys in the tree's order. */
    static String json(Object tree) {
        try {
            return new ObjectMapper()
                            .enable(SerializationFeature.INDENT_OUTPUT)
                            .writeValueAsString(tree)
                    + "\n";
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    /** {@code key: value} lines; a list of maps with plain values is a table. */
    static String text(Map<String, ?> tree) {
        StringBuilder text = new StringBuilder();
        appendMap(text, "", tree);
        return text.toString();
    }

    private static void appendMap(StringBuilder text, String indent, Map<String, ?> map) {
        int width = map.keySet().stream().mapToInt(String::length).max().orElse(0);
        map.forEach(
                (key, value) -> {
                    if (value instanceof Map<?, ?> inner && !inner.isEmpty()) {
                        text.append(indent).append(key).append(":\n");
                        appendMap(text, indent + INDENT, withStringKeys(inner));
                    } else if (value instanceof List<?> list && !list.isEmpty()) {
                        text.append(indent).append(key).append(":\n");
                        appendList(text, indent + INDENT, list);
                    } else {
                        text.append(indent)
                                .append(key)
                                .append(": ")
                                .append(" ".repeat(width - key.length()))
                                .append(plain(value))
                                .append('\n');
                    }
                });
    }

    private static void appendList(StringBuilder text, String indent, List<?> list) {
        if (list.stream().allMatch(Output::isRow)) {
            appendTable(
                    text,
                    indent,
                    list.stream().map(row -> withStringKeys((Map<?, ?>) row)).toList());
            return;
        }
        for (Object item : list) {
            if (item instanceof Map<?, ?> map) {
                text.append(indent).append("-\n");
                appendMap(text, indent + INDENT, withStringKeys(map));
            } else if (item instanceof List<?> inner) {
                text.append(indent).append("-\n");
                appendList(text, indent + INDENT, inner);
            } else {
                text.append(indent).append(plain(item)).append('\n');
            }
        }
    }

    private static boolean isRow(Object item) {
        return item instanceof Map<?, ?> map
                && map.values().stream()
                        .noneMatch(value -> value instanceof Map || value instanceof List);
    }

    private static void appendTable(
            StringBuilder text, String indent, List<Map<String, Object>> rows) {
        Set<String> columns = new LinkedHashSet<>();
        rows.forEach(row -> columns.addAll(row.keySet()));
        List<List<String>> cells = new ArrayList<>();
        cells.add(List.copyOf(columns));
        for (Map<String, Object> row : rows) {
            cells.add(columns.stream().map(column -> cell(row, column)).toList());
        }
        int[] widths = new int[columns.size()];
        boolean[] numeric = new boolean[columns.size()];
        int index = 0;
        for (String column : columns) {
            int at = index++;
            widths[at] = cells.stream().mapToInt(line -> line.get(at).length()).max().orElse(0);
            numeric[at] =
                    rows.stream().map(row -> row.get(column)).allMatch(Number.class::isInstance);
        }
        for (List<String> line : cells) {
            StringBuilder out = new StringBuilder(indent);
            for (int i = 0; i < widths.length; i++) {
                String padding = " ".repeat(widths[i] - line.get(i).length());
                out.append(numeric[i] ? padding + line.get(i) : line.get(i) + padding);
                out.append(i < widths.length - 1 ? INDENT : "");
            }
            text.append(out.toString().stripTrailing()).append('\n');
        }
    }

    private static String cell(Map<String, Object> row, String column) {
        return row.containsKey(column) ? plain(row.get(column)) : "";
    }

    private static String plain(Object value) {
        return value == null ? "-" : value.toString();
    }

    private static Map<String, Object> withStringKeys(Map<?, ?> map) {
        Map<String, Object> copy = new LinkedHashMap<>();
        map.forEach((key, value) -> copy.put(String.valueOf(key), value));
        return copy;
    }
}
