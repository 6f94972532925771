package io.fusedax.tools;

import io.fusedax.tools.region.PmemDevice;
import io.fusedax.tools.region.RegionType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/** {@code fuse-dax region list}: everything volumes could lie on. */
@Command(
        name = "list",
        description = {
            "List persistent memory: namespaces, device-dax, free space of nd regions; the regions"
                    + " of live mounts; and the given files.",
            "Tells how each is emulated, its mode, size, alignment, persistence domain"
                    + " (memory_controller is ADR, cpu_cache eADR), bad blocks in units of 512"
                    + " bytes, the volume on it, and who uses it. Root sees all of it."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  fuse-dax region list",
            "  fuse-dax region list --human --type memmap,nvdimm",
            "  fuse-dax region list /srv/volume.img | jq '.[].volume.uuid'"
        })
final class RegionListCommand implements Callable<Integer> {
    /** Reads {@code virtio-pmem}. */
    static final class TypeConverter implements ITypeConverter<RegionType> {
        @Override
        public RegionType convert(String word) {
            for (RegionType type : RegionType.values()) {
                if (type.word().equals(word)) {
                    return type;
                }
            }
            throw new TypeConversionException(
                    "'" + word + "' is no type: want " + RegionType.words());
        }
    }

    @Spec private CommandSpec spec;

    @Option(
            names = {"-u", "--human"},
            description = "Print sizes as people read them.")
    private boolean human;

    @Option(
            names = {"-t", "--type"},
            paramLabel = "TYPE",
            split = ",",
            converter = TypeConverter.class,
            description =
                    "Only these: memmap, e820, nvdimm, virtio-pmem, cxl, hmem, file, tmpfs, other.")
    private List<RegionType> types;

    @Parameters(arity = "0..*", paramLabel = "FILE", description = "Files to list, too.")
    private List<Path> files = List.of();

    @Override
    public Integer call() throws CommandFailure, IOException, InterruptedException {
        RegionReport report = RegionReport.ofThisMachine();
        List<Map<String, Object>> rows = new ArrayList<>();
        for (PmemDevice device : report.devices()) {
            if (types == null || types.contains(device.type())) {
                rows.add(report.of(device));
            }
        }
        for (Path file : files(report)) {
            Map<String, Object> row = report.ofFile(file);
            if (types == null || types.stream().anyMatch(t -> t.word().equals(row.get("type")))) {
                rows.add(row);
            }
        }
        spec.commandLine().getOut().print(Output.json(human ? HumanSizes.of(rows) : rows));
        return ExitCode.OK;
    }

    private Set<Path> files(RegionReport report) throws CommandFailure {
        Set<Path> all = new LinkedHashSet<>();
        for (Path file : files) {
            if (!Files.exists(file)) {
                throw new CommandFailure(ExitCode.PROBLEM, "no such file: " + file);
            }
            all.add(MountTable.canonical(file));
        }
        report.mountedRegions().stream().filter(Files::isRegularFile).forEach(all::add);
        return all;
    }
}
