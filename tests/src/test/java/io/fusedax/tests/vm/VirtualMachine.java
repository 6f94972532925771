package io.fusedax.tests.vm;

import io.fusedax.tests.support.Command;
import io.fusedax.tests.support.MountedVolume;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Assumptions;

/**
 * A guest of tests/vm/run: Debian's kernel with real DAX, in QEMU. Each run of a command boots a
 * guest of its own; only the files of its NVDIMMs are the same from one to the next.
 */
final class VirtualMachine {
    /** What the runner itself ends with: the time was over; the guest failed. */
    static final int OUT_OF_TIME = 124;

    static final int GUEST_FAILED = 125;

    /** To make the image that guests boot from, which is done once. */
    private static final Duration PREPARATION = Duration.ofMinutes(30);

    private final List<Object> options = new ArrayList<>();
    private Duration timeout = Duration.ofMinutes(5);

    /** Skips a test where guests cannot be, with the reason; else sees to it that they can boot. */
    static void assumePossible() {
        MountedVolume.assumeMounted();
        for (String program : List.of("qemu-system-x86_64", "debootstrap")) {
            Assumptions.assumeTrue(
                    Command.exists(program), "no virtual machines: no " + program + " here");
        }
        Command.of(runner(), "--prepare").timeout(PREPARATION).ok();
    }

    /**
     * With an NVDIMM.
     *
     * @param file its content, made when there is none
     * @param size as "512M", without what names its namespaces
     */
    VirtualMachine nvdimm(Path file, String size) {
        return with("--nvdimm", file + ":" + size);
    }

    /** With any option of tests/vm/run. */
    VirtualMachine with(Object... words) {
        options.addAll(List.of(words));
        return this;
    }

    /** How long boot and command may take together. */
    VirtualMachine timeout(Duration value) {
        timeout = value;
        return this;
    }

    /** Boots, runs the command as root in the checkout, and powers off. */
    Command.Result run(Object... command) {
        return start(List.of(), command).run();
    }

    /** Boots, runs the command and cuts the power at the line that contains {@code mark}. */
    Command.Result cutPowerAt(String mark, Object... command) {
        return start(List.of("--kill-on", mark), command).ok();
    }

    private Command start(List<Object> more, Object... command) {
        List<Object> words = new ArrayList<>(List.of(runner()));
        words.addAll(options);
        words.addAll(more);
        words.addAll(List.of("--timeout", timeout.toSeconds(), "--"));
        words.addAll(List.of(command));
        return Command.of(words.toArray()).timeout(timeout.plus(Duration.ofMinutes(1)));
    }

    /** The script {@code name} in tests/vm/guest. */
    static Path guestScript(String name) {
        Path script = MountedVolume.checkout().resolve("tests/vm/guest").resolve(name);
        if (!Files.isExecutable(script)) {
            throw new IllegalArgumentException("no such script: " + script);
        }
        return script;
    }

    private static Path runner() {
        return MountedVolume.checkout().resolve("tests/vm/run");
    }
}
