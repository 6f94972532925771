package io.fusedax.backing.volume;

import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.RecordLayout;
import io.fusedax.backing.region.Region;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Shows the journal as it is on media, before any replay. */
final class InspectJournal {
    private InspectJournal() {}

    static Map<String, Object> show(Region region, Geometry geometry) {
        CheckJournal journal = new CheckJournal(region, geometry);
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("offset", geometry.journalBlock() << Geometry.BLOCK_SHIFT);
        map.put("log_offset", journal.logOffset());
        map.put("length_blocks", geometry.journalLengthBlocks());
        map.put("capacity_bytes", journal.capacityBytes());
        List<Object> slots = new ArrayList<>();
        for (CheckJournal.Slot slot : journal.slots()) {
            Map<String, Object> shown = new LinkedHashMap<>();
            shown.put("offset", slot.offset());
            shown.put("checksum", slot.problem() == null ? "ok" : slot.problem());
            shown.put("first_sequence", slot.firstSequence());
            slots.add(shown);
        }
        map.put("header_slots", slots);
        List<Object> transactions = new ArrayList<>();
        for (CheckJournal.Logged each : journal.transactions()) {
            transactions.add(transaction(journal, each));
        }
        map.put("transactions", transactions);
        CheckReport report = CheckReport.silent();
        try (CheckOverlayRegion trial = new CheckOverlayRegion(region)) {
            new CheckJournal(trial, geometry).mend(report, false);
        }
        if (!report.clean()) {
            map.put("problem", String.join("; ", report.messages()));
        }
        return map;
    }

    private static Map<String, Object> transaction(
            CheckJournal journal, CheckJournal.Logged logged) {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("sequence", logged.sequence());
        map.put("offset", logged.offset());
        map.put("checksum", "ok");
        map.put("length_bytes", logged.lengthBytes());
        map.put("record_count", logged.recordCount());
        List<Object> records = new ArrayList<>();
        String problem =
                journal.visitRecords(
                        logged,
                        (kind, address, lengthBytes, contentOffset) -> {
                            Map<String, Object> record = new LinkedHashMap<>();
                            record.put(
                                    "kind", kind == RecordLayout.KIND_REVOKE ? "revoke" : "redo");
                            record.put("address", address);
                            record.put("length_bytes", lengthBytes);
                            records.add(record);
                        });
        if (problem != null) {
            map.put("problem", problem);
        }
        map.put("records", records);
        return map;
    }
}
