package io.fusedax.tests.vm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.tests.packaging.PackagingIT;
import io.fusedax.tests.support.Command;
import io.fusedax.tests.support.MountedVolume;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The machine that vagrant/ makes: the very same scripts on a clean Debian, which GRUB boots. */
@Tag("vm")
final class ProvisioningIT {
    private static final Duration LIMIT = Duration.ofMinutes(20);

    /** To make the disk, which is done once. */
    private static final Duration PREPARATION = Duration.ofMinutes(20);

    @TempDir private Path folder;

    @Test
    void theVagrantfileIsValid() {
        Assumptions.assumeTrue(Command.exists("vagrant"), "no vagrant here: install vagrant");
        Command.of("env", "VAGRANT_HOME=" + folder, "vagrant", "validate", "--ignore-provider")
                .in(MountedVolume.checkout().resolve("vagrant"))
                .ok();
    }

    /** Memory as machines have it, the wanted size, and where that is to begin; empty: refused. */
    @ParameterizedTest(name = "{0}")
    @CsvSource({
        "q35 4G, 100000-7ffdefff 100000000-17fffffff, 1G, 0x140000000",
        "i440fx 4G, 100000-bffd6fff 100000000-13fffffff, 1G, 0x100000000",
        "VirtualBox 4G, 100000-dffeffff 100000000-11fffffff, 1G, 0x98000000",
        "VirtualBox 4G less, 100000-dffeffff 100000000-11fffffff, 512M, 0x100000000",
        "initial RAM disk in the way, 100000-7ffdefff, 1G, ''",
        "too large by a little, 100000-bffd6fff, 1G, ''",
    })
    void memoryIsReservedWhereThereIsRoom(String name, String ranges, String size, String expected)
            throws Exception {
        Assumptions.assumeTrue(
                Command.of("unshare", "--mount", "true").run().exitCode() == 0,
                "no mount namespaces here: unshare --mount wants root");
        Path bin = Files.createDirectory(folder.resolve("bin"));
        Path updateGrub = Files.writeString(bin.resolve("update-grub"), "#!/bin/sh\n");
        assertTrue(updateGrub.toFile().setExecutable(true));
        Path configuration = Files.createDirectory(folder.resolve("default"));
        Files.writeString(folder.resolve("cmdline"), "root=/dev/vda1\n");
        StringBuilder memory = new StringBuilder();
        for (String range : ranges.split(" ")) {
            memory.append(range).append(" : System RAM\n");
        }
        Files.writeString(folder.resolve("iomem"), memory);
        String script =
                """
                set -e
                mount --bind "$1/iomem" /proc/iomem
                mount --bind "$1/cmdline" /proc/cmdline
                mount --bind "$1/default" /etc/default
                PATH=$1/bin:$PATH FUSEDAX_PMEM=$2 exec "$3"
                """;
        Path reserve = MountedVolume.checkout().resolve("vagrant/provision/1-memory.sh");
        Command.Result result =
                Command.of("unshare", "-m", "bash", "-c", script, "bash", folder, size, reserve)
                        .run();
        Path written = configuration.resolve("grub.d/fuse-dax.cfg");
        if (expected.isEmpty()) {
            result.expectExit(1);
            assertFalse(Files.exists(written), result.toString());
        } else {
            result.expectExit(0);
            String line = Files.readString(written);
            assertTrue(line.contains(" memmap=" + size + "!" + expected + "\""), line);
        }
    }

    @Test
    void aCleanDebianGetsAMountedVolumeThatSurvivesAReboot() throws Exception {
        VirtualMachine.assumePossible();
        Path deb = PackagingIT.debianPackage();
        Path disk = folder.resolve("disk");
        Command.of(MountedVolume.checkout().resolve("tests/vm/disk"), disk)
                .timeout(PREPARATION)
                .ok();
        Command.Result result =
                new VirtualMachine()
                        .with("--boot", disk, "--memory", "3G")
                        .timeout(LIMIT)
                        .run(VirtualMachine.guestScript("provision"), deb, "devdax");
        assertEquals(0, result.exitCode(), result.toString());
        assertTrue(result.out().endsWith("ok all\n"), result.toString());
    }
}
