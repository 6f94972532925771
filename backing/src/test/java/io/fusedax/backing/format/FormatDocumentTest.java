package io.fusedax.backing.format;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** FORMAT.md and the *Layout classes say the same, in both directions. */
class FormatDocumentTest {
    private static final Path DOCUMENT = Path.of("FORMAT.md");
    private static final Path CLASSES = Path.of("src/main/java/io/fusedax/backing/format");
    private static final Pattern HEADING =
            Pattern.compile("^#+ .*\\(`(\\w+Layout)`, (?:(\\d+) bytes|variable)\\)$");
    private static final Pattern ROW =
            Pattern.compile("^\\| (\\d+) \\| (\\d+|rest) \\| `(\\w+)` \\| .+ \\|$");
    private static final Pattern CONSTANT = Pattern.compile("`(\\w+)` = (\\d+)");

    /** What the document says of one class. */
    private static final class Section {
        String sizeBytes;
        final Map<String, Long> values = new TreeMap<>();
        final List<String> chainProblems = new ArrayList<>();
        long end;
    }

    private static Map<String, Section> sections() throws IOException {
        Map<String, Section> sections = new TreeMap<>();
        Section current = null;
        for (String line : Files.readAllLines(DOCUMENT)) {
            Matcher heading = HEADING.matcher(line);
            Matcher row = ROW.matcher(line);
            if (heading.matches()) {
                current = new Section();
                current.sizeBytes = heading.group(2);
                sections.put(heading.group(1), current);
            } else if (line.startsWith("#")) {
                current = null;
            } else if (current != null && row.matches()) {
                addRow(current, row);
            } else if (current != null && line.startsWith("Constants: ")) {
                Matcher constant = CONSTANT.matcher(line);
                while (constant.find()) {
                    current.values.put(constant.group(1), Long.valueOf(constant.group(2)));
                }
            }
        }
        return sections;
    }

    private static void addRow(Section section, Matcher row) {
        long offset = Long.parseLong(row.group(1));
        if (offset != section.end) {
            section.chainProblems.add(row.group(3) + " at " + offset + " after " + section.end);
        }
        section.end = row.group(2).equals("rest") ? -1 : offset + Long.parseLong(row.group(2));
        section.values.put(row.group(3), offset);
    }

    private static Map<String, Long> constantsOf(String className)
            throws ReflectiveOperationException {
        Map<String, Long> values = new TreeMap<>();
        for (Field field : Class.forName("io.fusedax.backing.format." + className).getFields()) {
            if (Modifier.isStatic(field.getModifiers())) {
                values.put(field.getName(), ((Number) field.get(null)).longValue());
            }
        }
        return values;
    }

    @Test
    void everyLayoutClassHasASectionAndEverySectionAClass() throws IOException {
        try (Stream<Path> files = Files.list(CLASSES)) {
            TreeSet<String> classes = new TreeSet<>();
            files.map(path -> path.getFileName().toString())
                    .filter(name -> name.endsWith("Layout.java"))
                    .forEach(name -> classes.add(name.replace(".java", "")));
            assertFalse(classes.isEmpty());
            assertEquals(classes, sections().keySet());
        }
    }

    @Test
    void everyConstantIsInTheDocumentWithItsValue() throws Exception {
        for (Map.Entry<String, Section> each : sections().entrySet()) {
            assertEquals(constantsOf(each.getKey()), each.getValue().values, each.getKey());
        }
    }

    @Test
    void fieldsFollowEachOtherWithoutGapsToTheEnd() throws IOException {
        for (Map.Entry<String, Section> each : sections().entrySet()) {
            Section section = each.getValue();
            assertEquals(List.of(), section.chainProblems, each.getKey());
            if (section.sizeBytes != null) {
                assertEquals(Long.parseLong(section.sizeBytes), section.end, each.getKey());
            }
        }
    }

    @Test
    void everyKindOfStructureIsInTheTableOfMagics() throws IOException {
        Pattern kind = Pattern.compile("^\\| `([A-Z])` \\| ([a-z ]+) \\| (\\d+)[a-z ]* \\|$");
        Map<Character, String> documented = new TreeMap<>();
        for (String line : Files.readAllLines(DOCUMENT)) {
            Matcher row = kind.matcher(line);
            if (row.matches()) {
                documented.put(row.group(1).charAt(0), row.group(2) + " " + row.group(3));
            }
        }
        Map<Character, String> known = new TreeMap<>();
        for (StructureType type : StructureType.values()) {
            char letter = (char) (type.magic() >>> 16 & 0xFF);
            assertEquals('F' | 'D' << 8 | letter << 16 | '1' << 24, type.magic());
            String title =
                    type == StructureType.JOURNAL_HEADER ? "journal header slot" : type.title();
            known.put(letter, title + " " + type.sizeBytes());
        }
        assertEquals(known, documented);
    }
}
