package io.fusedax.tools;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Sizes in a tree as people read them, as {@code ndctl --human} prints them. */
final class HumanSizes {
    private static final Set<String> SIZES = Set.of("size", "align", "sector_size");

    private HumanSizes() {}

    /** A copy with {@code 1 GiB} in place of 1073741824. */
    static Object of(Object tree) {
        if (tree instanceof List<?> list) {
            return list.stream().map(HumanSizes::of).toList();
        }
        if (!(tree instanceof Map<?, ?> map)) {
            return tree;
        }
        Map<String, Object> copy = new LinkedHashMap<>();
        map.forEach(
                (key, value) ->
                        copy.put(
                                String.valueOf(key),
                                SIZES.contains(String.valueOf(key)) && value instanceof Long bytes
                                        ? Sizes.human(bytes)
                                        : of(value)));
        return copy;
    }
}
