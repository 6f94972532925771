package io.fusedax.tools;

import io.fusedax.backing.Counter;
import java.lang.reflect.RecordComponent;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/** Turns values into the trees that {@link Output} renders. */
final class Trees {
    private Trees() {}

    /**
     * A record as a map: {@code totalBlocks} becomes {@code total_blocks}; numbers and truth stay,
     * the rest is text.
     */
    static Map<String, Object> of(Record values) {
        Map<String, Object> tree = new LinkedHashMap<>();
        for (RecordComponent component : values.getClass().getRecordComponents()) {
            tree.put(snakeCase(component.getName()), plain(read(values, component)));
        }
        return tree;
    }

    /** Counters by their keys. */
    static Map<String, Object> of(Map<Counter, Long> counters) {
        Map<String, Object> tree = new LinkedHashMap<>();
        counters.forEach((counter, value) -> tree.put(counter.key(), value));
        return tree;
    }

    static String snakeCase(String camelCase) {
        return camelCase.replaceAll("(?<=[a-z0-9])(?=[A-Z])", "_").toLowerCase(Locale.ROOT);
    }

    private static Object read(Record values, RecordComponent component) {
        try {
            component.getAccessor().setAccessible(true);
            return component.getAccessor().invoke(values);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Object plain(Object value) {
        return value instanceof Number || value instanceof Boolean || value == null
                ? value
                : value.toString();
    }
}
