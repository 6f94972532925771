package io.fusedax.tests.vm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.tests.support.Command;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** tests/vm/run does what its tests rely on: it must not call a crash a success. */
@Tag("vm")
final class VirtualMachineIT {
    @TempDir private Path folder;

    @BeforeAll
    static void guestsCanBoot() {
        VirtualMachine.assumePossible();
    }

    @Test
    void commandsRunAsRootWhereTheCallerIsOnMemoryOfTheirOwnAndPassTheirStatusOn() {
        String script =
                """
                id -u; pwd
                blockdev --getsize64 /dev/pmem0
                echo to stderr >&2
                touch here 2>/dev/null || echo the checkout is read-only
                printf '%s|' "$@"; echo
                exit 7
                """;
        Command.Result result =
                new VirtualMachine()
                        .with("--memory", "3G", "--memmap", "1G!4G")
                        .run("sh", "-c", script, "sh", "two words", "$HOME", "", "'\"");
        assertEquals(7, result.exitCode(), result.toString());
        assertEquals(
                "0\n"
                        + Path.of("").toAbsolutePath()
                        + "\n1073741824\nto stderr\nthe checkout is read-only\n"
                        + "two words|$HOME||'\"|\n",
                result.out());
    }

    @Test
    void nvdimmsKeepTheirNamespacesAndContentWhenThePowerIsCut() {
        VirtualMachine machine = new VirtualMachine().nvdimm(folder.resolve("nvdimm"), "512M");
        Path pmem = VirtualMachine.guestScript("pmem");
        String before =
                """
                "$1" clear; "$1" create dax devdax 128M; "$1" create files fsdax 256M
                "$1" format files ext4; "$1" mount files /mnt
                echo kept >/mnt/file; sync /mnt/file; echo volatile >/run/file
                echo before the cut; echo CUT; echo after the cut; sleep infinity
                """;
        Command.Result cut = machine.cutPowerAt("CUT", "sh", "-euc", before, "sh", pmem);
        assertTrue(cut.out().endsWith("before the cut\nCUT\n"), cut.toString());
        String after =
                """
                test -c "$("$1" device dax)"; "$1" mount files /mnt
                cat /mnt/file; test ! -e /run/file
                """;
        Command.Result found = machine.run("sh", "-euc", after, "sh", pmem);
        assertEquals(0, found.exitCode(), found.toString());
        assertEquals("kept\n", found.out());
    }

    @Test
    void whatIsNoEndOfTheCommandIsNoSuccess() {
        VirtualMachine machine = new VirtualMachine();
        Command.Result panic =
                machine.run(
                        "sh", "-c", "echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger");
        assertEquals(VirtualMachine.GUEST_FAILED, panic.exitCode(), panic.toString());
        assertTrue(panic.err().contains("ended without a status"), panic.toString());
        assertTrue(panic.err().contains("Kernel panic"), panic.toString());

        Command.Result endless = machine.timeout(Duration.ofSeconds(1)).run("sleep", "infinity");
        assertEquals(VirtualMachine.OUT_OF_TIME, endless.exitCode(), endless.toString());
        assertTrue(endless.err().contains("no end after 1 s"), endless.toString());
    }

    @Test
    void wrongOptionsAreRefusedBeforeAnythingBoots() {
        assertRefused("unknown option", "--nvdim", "x");
        assertRefused("not SIZE!START", "--memmap", "1G@4G");
        assertRefused("not a file", "--nvdimm", folder.resolve("none"));
        assertRefused("one CPU", "--icount", "--cpus", "2");
        assertRefused("no --nvdimm", "--persistence", "cpu");
    }

    private static void assertRefused(String why, Object... options) {
        Command.Result result = new VirtualMachine().with(options).run("true");
        assertEquals(2, result.exitCode(), result.toString());
        assertTrue(result.err().contains(why), result.toString());
    }
}
