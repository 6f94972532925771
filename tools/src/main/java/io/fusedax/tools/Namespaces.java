package io.fusedax.tools;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.fusedax.backing.region.BadBlocks;
import io.fusedax.tools.region.PmemDevice;
import io.fusedax.tools.region.RegionMode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** Changes namespaces through ndctl(1), which knows labels, info blocks and firmware. */
final class Namespaces {
    private static final String NDCTL = "ndctl";

    private final Programs programs;

    Namespaces(Programs programs) {
        this.programs = programs;
    }

    /**
     * The command that makes a namespace of free space, or makes one anew.
     *
     * @param mode fsdax or devdax
     * @param alignmentBytes null for ndctl's default
     * @param sizeBytes null for all there is
     */
    static List<String> createCommand(
            PmemDevice device, RegionMode mode, Long alignmentBytes, Long sizeBytes) {
        List<String> command = new ArrayList<>(List.of(NDCTL, "create-namespace"));
        if (device.isFree()) {
            command.add("--region=" + device.region());
        } else {
            command.add("--force"); // it is active: whether that may be is asked before
            command.add("--reconfig=" + device.namespace());
        }
        command.add("--mode=" + mode.word());
        if (alignmentBytes != null) {
            command.add("--align=" + alignmentBytes);
        }
        if (sizeBytes != null) {
            command.add("--size=" + sizeBytes);
        }
        return command;
    }

    /**
     * Runs what {@link #createCommand} gave.
     *
     * @return the namespace's name, which may be another one than before
     * @throws CommandFailure with ndctl's words when it fails
     */
    String create(List<String> command) throws CommandFailure, InterruptedException {
        Programs.Result result = run(command);
        if (result.exitCode() != 0) {
            throw failed(command, result);
        }
        try {
            JsonNode name = new ObjectMapper().readTree(result.out()).path("dev");
            if (name.isTextual()) {
                return name.asText();
            }
        } catch (JsonProcessingException e) {
            throw new CommandFailure(ExitCode.PROBLEM, "ndctl's answer is no JSON", e);
        }
        throw new CommandFailure(ExitCode.PROBLEM, "ndctl's answer names no namespace");
    }

    /** The command that clears the bad blocks of a namespace. */
    static List<String> clearCommand(PmemDevice device, boolean scrub) {
        List<String> command = new ArrayList<>(List.of(NDCTL, "clear-errors"));
        if (scrub) {
            command.add("--scrub");
        }
        command.add(device.namespace());
        return command;
    }

    /**
     * Runs what {@link #clearCommand} gave.
     *
     * @return what ndctl said if it could not, which is so on buses that cannot scrub; else empty
     */
    String clear(List<String> command) throws CommandFailure, InterruptedException {
        Programs.Result result = run(command);
        return result.exitCode() == 0 ? "" : failed(command, result).getMessage();
    }

    /**
     * Overwrites the bad blocks of a block device with zeros, which the kernel takes for clearing
     * them; also on buses where ndctl cannot. By blkdiscard(8), sector by sector and past the page
     * cache: this would first read what cannot be read.
     *
     * @param problem what ndctl said
     * @return empty, or what ndctl and blkdiscard said
     */
    String overwrite(PmemDevice device, String problem)
            throws CommandFailure, InterruptedException {
        for (BadBlocks.Range range : device.badBlocks()) {
            List<String> command =
                    List.of(
                            "blkdiscard",
                            "--zeroout",
                            "--force",
                            "--offset=" + range.offset(),
                            "--length=" + range.lengthBytes(),
                            device.path().toString());
            Programs.Result result = run(command);
            if (result.exitCode() != 0) {
                String words = failed(command, result).getMessage();
                return problem.isEmpty() ? words : problem + "; " + words;
            }
        }
        return "";
    }

    private Programs.Result run(List<String> command) throws CommandFailure, InterruptedException {
        try {
            return programs.run(command);
        } catch (IOException e) {
            throw new CommandFailure(
                    ExitCode.PROBLEM,
                    command.get(0)
                            + " cannot be run, install it (Debian: apt-get install ndctl"
                            + " util-linux): "
                            + e.getMessage(),
                    e);
        }
    }

    private static CommandFailure failed(List<String> command, Programs.Result result) {
        return new CommandFailure(
                ExitCode.PROBLEM, String.join(" ", command) + ": " + result.words());
    }

    /** What of {@code before} is not in {@code after} any more. */
    static List<BadBlocks.Range> gone(List<BadBlocks.Range> before, List<BadBlocks.Range> after) {
        List<BadBlocks.Range> gone = new ArrayList<>();
        for (BadBlocks.Range range : before) {
            long end = range.offset() + range.lengthBytes();
            long from = range.offset();
            List<BadBlocks.Range> inside =
                    after.stream()
                            .filter(left -> left.offset() < end)
                            .filter(left -> left.offset() + left.lengthBytes() > range.offset())
                            .sorted((a, b) -> Long.compare(a.offset(), b.offset()))
                            .toList();
            for (BadBlocks.Range left : inside) {
                if (left.offset() > from) {
                    gone.add(new BadBlocks.Range(from, left.offset() - from));
                }
                from = Math.max(from, left.offset() + left.lengthBytes());
            }
            if (from < end) {
                gone.add(new BadBlocks.Range(from, end - from));
            }
        }
        return gone;
    }
}
