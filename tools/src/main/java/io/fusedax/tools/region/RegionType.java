package io.fusedax.tools.region;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** What persistent memory is made of, or what emulates it. */
public enum RegionType {
    /** RAM that the kernel was told to take for persistent memory: memmap=SIZE!START. */
    MEMMAP,
    /** The firmware's memory map has it (e820 type 12), without an NFIT. */
    E820,
    /** ACPI's table of NVDIMMs (NFIT): modules, or QEMU's -device nvdimm. */
    NVDIMM,
    /** A paravirtual device of a virtual machine: durable by a request to the host only. */
    VIRTIO_PMEM,
    /** Memory behind CXL. */
    CXL,
    /** Memory that the firmware reserves for such uses (EFI specific purpose), volatile. */
    HMEM,
    /** A file on a disk, or on a DAX file system. */
    FILE,
    /** A file in memory. */
    TMPFS,
    /** Something else: see its provider. */
    OTHER;

    /** As the command line has it: {@code virtio-pmem}. */
    public String word() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** All words, for messages. */
    public static String words() {
        return Arrays.stream(values()).map(RegionType::word).collect(Collectors.joining(", "));
    }

    /**
     * The type that an nd bus's provider stands for.
     *
     * @param memmap whether the kernel's command line makes persistent memory
     */
    static RegionType ofProvider(String provider, boolean memmap) {
        return switch (provider) {
            case "e820" -> memmap ? MEMMAP : E820;
            case "ACPI.NFIT" -> NVDIMM;
            case "virtio-pmem" -> VIRTIO_PMEM;
            case "CXL" -> CXL;
            default -> provider.startsWith("nfit_test") ? NVDIMM : OTHER;
        };
    }
}
