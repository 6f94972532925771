package io.fusedax.tools;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.fusedax.backing.Counter;
import io.fusedax.backing.Counters;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.Test;

final class OutputTest {
    private static Map<String, Object> tree() {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("label", "data");
        tree.put("total_blocks", 262_144L);
        tree.put("extents", List.of(row(0, 4096, false), row(512, 10, true)));
        tree.put("nothing", null);
        return tree;
    }

    private static Map<String, Object> row(long logical, long length, boolean unwritten) {
        Map<String, Object> row = new LinkedHashMap<>();
        row.put("logical", logical);
        row.put("length", length);
        row.put("unwritten", unwritten);
        return row;
    }

    @Test
    void jsonKeepsTypesAndOrder() throws Exception {
        JsonNode json = new ObjectMapper().readTree(Output.json(tree()));
        assertEquals(262_144L, json.get("total_blocks").longValue());
        assertEquals("label", json.fieldNames().next());
        assertEquals(true, json.get("extents").get(1).get("unwritten").booleanValue());
        assertEquals(true, json.get("nothing").isNull());
    }

    @Test
    void textAlignsKeysAndTables() {
        assertEquals(
                """
                label:        data
                total_blocks: 262144
                extents:
                  logical  length  unwritten
                        0    4096  false
                      512      10  true
                nothing:      -
                """,
                Output.text(tree()));
    }

    @Test
    void recordsBecomeSnakeCaseMaps() {
        record Sample(long totalBlocks, String label, UUID uuid, boolean clean) {}

        Map<String, Object> tree = Trees.of(new Sample(7, "x", new UUID(0, 1), true));
        assertEquals(List.of("total_blocks", "label", "uuid", "clean"), List.copyOf(tree.keySet()));
        assertEquals(7L, tree.get("total_blocks"));
        assertEquals("00000000-0000-0000-0000-000000000001", tree.get("uuid"));
    }

    @Test
    void countersAreKeyedAsDocumented() {
        Counters counters = new Counters();
        counters.add(Counter.BYTES_READ, 5);
        assertEquals(5L, Trees.of(counters.snapshot()).get(Counter.BYTES_READ.key()));
    }
}
