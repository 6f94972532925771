package io.fusedax.tools;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.region.PersistMode;
import io.fusedax.backing.volume.VolumeOptions.AtimeMode;
import io.fusedax.mount.DaxMode;
import io.fusedax.mount.DirectMechanism;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class MountOptionTest {
    private static MountSettings parse(String... arguments) {
        return MountOption.parse(List.of(arguments));
    }

    @Test
    void withoutOptionsTheDefaultsAreThoseOfExt4() {
        MountSettings settings = parse();
        assertFalse(settings.readOnly);
        assertEquals(5, settings.commitSeconds);
        assertEquals(AtimeMode.RELATIME, settings.atime);
        assertEquals(DaxMode.INODE, settings.dax);
        assertEquals(PersistMode.AUTO, settings.persist);
    }

    @Test
    void everyOptionTakesEffect() {
        MountSettings settings =
                parse(
                        "ro,commit=30,noatime,dax=always,persist=cpu,cache=128M,inodes=1000,threads=3",
                        "allow_other,default_permissions,attr_timeout=0,entry_timeout=1.5",
                        "negative_timeout=2,direct_io,log=/x/y.log,log_level=debug",
                        "direct=none,fault=around:64k");
        assertTrue(settings.readOnly);
        assertEquals(30, settings.commitSeconds);
        assertEquals(AtimeMode.NOATIME, settings.atime);
        assertEquals(DaxMode.ALWAYS, settings.dax);
        assertEquals(DirectMechanism.NONE, settings.direct);
        assertEquals(64 << 10, settings.faultBytes);
        assertEquals(PersistMode.CPU, settings.persist);
        assertEquals(128L << 20, settings.cacheBytes);
        assertEquals(1000, settings.inodes);
        assertEquals(3, settings.threads);
        assertTrue(settings.allowOther);
        assertEquals(0, settings.attributeTimeoutSeconds);
        assertEquals(1.5, settings.entryTimeoutSeconds);
        assertEquals(2, settings.negativeTimeoutSeconds);
        assertTrue(settings.directIo);
        assertEquals(Path.of("/x/y.log"), settings.log);
        assertEquals("debug", settings.logLevel);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "defaults",
                "auto",
                "noauto",
                "user",
                "users",
                "nofail",
                "_netdev",
                "user=ann",
                "x-systemd.automount",
                "x-gvfs-show",
                "",
                ",,",
                "rw,user,noauto,x-a=b"
            })
    void whatMountAndFstabMeanForOthersIsTaken(String options) {
        assertFalse(parse(options).readOnly);
    }

    @ParameterizedTest
    @CsvSource({
        "frobnicate, unknown option 'frobnicate'",
        "'ro,bogus=1', unknown option 'bogus=1'",
        "uid=5, unknown option 'uid=5'",
        "RO, unknown option 'RO'",
        "remount, 'remount: not supported, unmount and mount again'",
        "fault=around:3k, fault: wants a power of two from 4k to 2m",
        "ro=1, ro: takes no value: 'ro=1'",
        "commit, commit: wants commit=SECONDS",
        "commit=x, 'commit: wants a whole number from 0 to 86400, not ''x'''",
        "commit=-1, 'commit: wants a whole number from 0 to 86400, not ''-1'''",
        "dax=maybe, 'dax: wants one of always, inode, never, not ''maybe'''",
        "persist=, 'persist: wants one of auto, msync, cpu, not '''''",
        "cache=1K, cache: wants at least 1M",
        "threads=1, 'threads: wants a whole number from 2 to 256, not ''1'''",
        "attr_timeout=NaN, 'attr_timeout: wants seconds from 0 to 86400, not ''NaN'''",
        "'allow_other,allow_root', allow_other and allow_root exclude each other"
    })
    void theMessageNamesTheWrongOption(String options, String message) {
        Exception e = assertThrows(IllegalArgumentException.class, () -> parse(options));
        assertEquals(message, e.getMessage());
    }

    @Test
    void theLastOfContradictingOptionsHolds() {
        assertFalse(parse("ro,rw").readOnly);
        assertTrue(parse("rw", "ro").readOnly);
        assertEquals(AtimeMode.STRICTATIME, parse("noatime,strictatime").atime);
    }

    @Test
    void commitZeroIsTheDefaultAsInExt4() {
        assertEquals(5, parse("commit=0").commitSeconds);
    }

    @Test
    void anEscapedCommaBelongsToTheValue() {
        assertEquals(Path.of("/a,b"), parse("log=/a\\,b,ro").log);
    }

    @Test
    void rootsMountsAllowDevicesAndSetIdUnlessForbidden() {
        assertEquals(List.of("suid", "dev"), parse().kernelFlagOptions(true));
        assertEquals(
                List.of("nosuid", "nodev", "noexec"),
                parse("nosuid,nodev,noexec").kernelFlagOptions(true));
        assertEquals(List.of("suid", "nodev"), parse("nosuid,suid,nodev").kernelFlagOptions(true));
    }

    @Test
    void othersMountsNeverAllowDevicesOrSetId() {
        assertEquals(List.of("nosuid", "nodev"), parse().kernelFlagOptions(false));
        assertEquals(
                List.of("nosuid", "nodev", "noexec"), parse("noexec").kernelFlagOptions(false));
    }

    @Test
    void helpNamesEveryOption() {
        String help = String.join("\n", MountOption.helpLines());
        for (String option :
                List.of("ro", "commit=SECONDS", "dax=MODE", "cache=SIZE", "log=FILE", "nosuid")) {
            assertTrue(help.contains("  " + option + " "), option);
        }
    }
}
