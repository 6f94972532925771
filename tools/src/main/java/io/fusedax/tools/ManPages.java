package io.fusedax.tools;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.CommandLine.Help;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;
import picocli.CommandLine.Model.UsageMessageSpec;

/**
 * Writes the manual pages and bash's completion from the commands themselves, so that neither
 * differs from {@code --help}. Run by the build.
 *
 * <p>A page is man(7) with the macros that every formatter knows. picocli's own generator wants
 * Asciidoctor, which is Ruby and would double the time of a build.
 */
final class ManPages {
    private static final String SECTION = "1";

    private final String version;
    private final String date;

    private ManPages(String version, String date) {
        this.version = version;
        this.date = date;
    }

    /**
     * @param args the folder for pages (man1) and completions, the version, the date of the sources
     */
    public static void main(String[] args) throws IOException {
        Path folder = Path.of(args[0]);
        ManPages pages = new ManPages(args[1], args[2].substring(0, "2000-01-01".length()));
        CommandLine top = FuseDax.commandLine();
        Path manual = Files.createDirectories(folder.resolve("man/man" + SECTION));
        for (Map.Entry<String, String> page : pages.all(top).entrySet()) {
            Files.writeString(manual.resolve(page.getKey() + "." + SECTION), page.getValue());
        }
        Path completions = Files.createDirectories(folder.resolve("bash-completion/completions"));
        Files.writeString(completions.resolve("fuse-dax"), AutoComplete.bash("fuse-dax", top));
    }

    /** Pages by name: one for the program, one for each command below it. */
    Map<String, String> all(CommandLine top) {
        Map<String, String> pages = new LinkedHashMap<>();
        add(pages, top);
        return pages;
    }

    static ManPages of(String version, String date) {
        return new ManPages(version, date);
    }

    private void add(Map<String, String> pages, CommandLine command) {
        pages.put(nameOf(command), page(command));
        commandsOf(command).values().forEach(sub -> add(pages, sub));
    }

    private static Map<String, CommandLine> commandsOf(CommandLine command) {
        Map<String, CommandLine> commands = new LinkedHashMap<>(command.getSubcommands());
        commands.values().removeIf(sub -> sub.getCommandSpec().usageMessage().hidden());
        return commands;
    }

    private static String nameOf(CommandLine command) {
        return command.getCommandSpec().qualifiedName("-");
    }

    private String page(CommandLine command) {
        CommandSpec spec = command.getCommandSpec();
        UsageMessageSpec usage = spec.usageMessage();
        String[] description = usage.description();
        List<String> out = new ArrayList<>();
        out.add(
                ".TH \"%s\" \"%s\" \"%s\" \"fuse-dax %s\" \"fuse-dax manual\""
                        .formatted(text(nameOf(command)), SECTION, date, text(version)));
        out.add(".nh");
        out.add(".SH NAME");
        out.add(text(nameOf(command)) + " \\- " + lower(text(first(description))));
        out.add(".SH SYNOPSIS");
        out.add(".nf");
        out.addAll(lines(synopsis(command)));
        out.add(".fi");
        out.add(".SH DESCRIPTION");
        for (String line : description) {
            out.addAll(lines(line.formatted()));
            out.add(".br");
        }
        section(out, "OPERANDS", spec.positionalParameters());
        section(out, "OPTIONS", spec.options());
        Map<String, CommandLine> commands = commandsOf(command);
        if (!commands.isEmpty()) {
            out.add(".SH COMMANDS");
            commands.forEach(
                    (name, sub) -> {
                        out.add(".TP");
                        out.add("\\fB" + text(nameOf(sub)) + "\\fR(" + SECTION + ")");
                        out.add(text(first(sub.getCommandSpec().usageMessage().description())));
                    });
        }
        footer(out, usage);
        seeAlso(out, command, commands);
        return String.join("\n", out) + "\n";
    }

    private static String synopsis(CommandLine command) {
        Help help = command.getHelp();
        return help.synopsis(0).strip();
    }

    private static void section(
            List<String> out, String heading, List<? extends CommandLine.Model.ArgSpec> arguments) {
        List<CommandLine.Model.ArgSpec> shown = new ArrayList<>(arguments);
        shown.removeIf(CommandLine.Model.ArgSpec::hidden);
        if (shown.isEmpty()) {
            return;
        }
        out.add(".SH " + heading);
        for (CommandLine.Model.ArgSpec argument : shown) {
            out.add(".TP");
            out.add("\\fB" + text(label(argument)) + "\\fR");
            for (String line : argument.description()) {
                out.addAll(lines(line.formatted()));
            }
        }
    }

    private static String label(CommandLine.Model.ArgSpec argument) {
        if (argument instanceof OptionSpec option) {
            String names = String.join(", ", option.names());
            return option.arity().max() > 0 ? names + " " + option.paramLabel() : names;
        }
        return ((PositionalParamSpec) argument).paramLabel();
    }

    private static void footer(List<String> out, UsageMessageSpec usage) {
        if (usage.footer().length == 0) {
            return;
        }
        out.add(".SH " + heading(usage.footerHeading()));
        out.add(".nf");
        for (String line : usage.footer()) {
            out.addAll(lines(line.formatted()));
        }
        out.add(".fi");
    }

    private static String heading(String footerHeading) {
        String heading = footerHeading.formatted().strip().replaceAll(":$", "");
        return heading.isEmpty() ? "NOTES" : text(heading.toUpperCase(java.util.Locale.ROOT));
    }

    private static void seeAlso(
            List<String> out, CommandLine command, Map<String, CommandLine> commands) {
        List<String> others = new ArrayList<>();
        if (command.getParent() != null) {
            others.add(nameOf(command.getParent()));
        }
        commands.values().forEach(sub -> others.add(nameOf(sub)));
        out.add(".SH SEE ALSO");
        String joined = "";
        for (String other : others) {
            joined += "\\fB" + text(other) + "\\fR(" + SECTION + "), ";
        }
        out.add(joined + "\\fBmount.fuse.fusedax\\fR(8)");
    }

    private static String first(String[] description) {
        return description.length == 0 ? "" : description[0].formatted().replaceAll("\\.$", "");
    }

    private static String lower(String sentence) {
        return sentence.isEmpty()
                ? sentence
                : Character.toLowerCase(sentence.charAt(0)) + sentence.substring(1);
    }

    /** Each as a line of text; an empty one as space. */
    private static List<String> lines(String block) {
        return block.lines().map(line -> line.isBlank() ? ".sp" : text(line)).toList();
    }

    /** What roff would take for its own is escaped. */
    private static String text(String line) {
        String escaped = line.replace("\\", "\\e").replace("-", "\\-");
        return escaped.startsWith(".") || escaped.startsWith("'") ? "\\&" + escaped : escaped;
    }
}
