package io.fusedax.tests.vm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.tests.packaging.PackagingIT;
import io.fusedax.tests.support.Command;
import io.fusedax.tests.support.MountedVolume;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The machine that vagrant/ makes: the very same scripts on a clean Debian, which GRUB boots. */
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
                        .with("--boot", disk, "--memory", "3G", "--cpus", "2")
                        .timeout(LIMIT)
                        .run(VirtualMachine.guestScript("provision"), deb, "devdax");
        assertEquals(0, result.exitCode(), result.toString());
        assertTrue(result.out().endsWith("ok all\n"), result.toString());
    }
}
