package io.fusedax.mount;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

class MountOptionsTest {
    @Test
    void everyDocumentedOptionIsTaken() {
        MountOptions.Builder builder = MountOptions.builder();
        for (String option :
                List.of(
                        "ro",
                        "allow_other",
                        "allow_root",
                        "default_permissions",
                        "suid",
                        "dev",
                        "noexec",
                        "dirsync",
                        "nonempty",
                        "fsname=/a,b",
                        "direct_io",
                        "attr_timeout=0.5",
                        "entry_timeout=1",
                        "negative_timeout=0",
                        "threads=3")) {
            assertTrue(builder.accept(option), option);
        }
        MountOptions options = builder.build();
        assertTrue(options.readOnly());
        assertTrue(options.directIo());
        assertEquals(3, options.threads());
        assertEquals(0.5, options.attributeTimeoutSeconds());
        String passed = new MountArguments(options, false).libfuseArguments("/mnt", true).get(3);
        assertTrue(passed.contains("fsname=/a\\,b,"), passed);
        assertTrue(passed.contains(",ro"), passed);
        assertTrue(passed.contains(",nonempty"), passed);
        assertTrue(passed.contains(",noexec"), passed);
    }

    @Test
    void unknownOptionsAreNotTakenAndWrongValuesAreExplained() {
        MountOptions.Builder builder = MountOptions.builder();
        assertFalse(builder.accept("bogus"));
        assertFalse(builder.accept("bogus=1"));
        assertFalse(builder.accept("hard_remove"));
        for (String wrong :
                List.of("attr_timeout", "attr_timeout=x", "entry_timeout=-1", "threads=1")) {
            assertThrows(IllegalArgumentException.class, () -> builder.accept(wrong), wrong);
        }
    }

    @Test
    void aReadOnlyVolumeIsMountedReadOnly() {
        MountArguments arguments = new MountArguments(MountOptions.defaults(), true);
        String passed = arguments.libfuseArguments("/mnt", false).get(3);
        assertTrue(passed.contains(",ro"), passed);
        assertFalse(passed.contains("nonempty"), passed);
        assertEquals(1, arguments.kernelFlags() & 1);
        assertTrue(arguments.helperOptions().contains("ro"));
    }

    @Test
    void mountingByHandSaysTheSameAsLibfuse() {
        MountOptions.Builder builder = MountOptions.builder();
        for (String option : List.of("suid", "noexec", "allow_root", "fsname=a,b", "debug")) {
            assertTrue(builder.accept(option), option);
        }
        MountArguments arguments = new MountArguments(builder.build(), false);
        assertEquals(4 | 8, arguments.kernelFlags()); // nodev, noexec
        assertEquals(
                "fd=7,rootmode=40000,user_id=1,group_id=2,default_permissions,allow_other",
                String.join(",", arguments.kernelOptions(7, 1, 2)));
        List<String> block = arguments.blockOptions(7, 1, 2);
        assertTrue(block.containsAll(List.of("fd=7", "blksize=4096", "rw")), block::toString);
        assertEquals(4 | 8, arguments.mountAttributes());
        List<String> helper = arguments.helperOptions();
        assertTrue(
                helper.containsAll(List.of("fsname=a\\,b", "suid", "allow_other")),
                helper::toString);
        assertFalse(helper.contains("allow_root") || helper.contains("debug"), helper.toString());
    }

    @Test
    void optionsOfDirectMappings() {
        MountOptions.Builder builder = MountOptions.builder();
        assertTrue(builder.accept("dax=always"));
        assertTrue(builder.accept("fault=around:64k"));
        assertTrue(builder.accept("direct=auto"));
        assertEquals(DaxMode.ALWAYS, builder.build().dax());
        assertEquals(64 << 10, builder.build().faultBytes());
        assertTrue(builder.accept("direct=none"));
        assertEquals(DaxMode.NEVER, builder.build().dax());
        assertTrue(builder.accept("fault=exact"));
        assertEquals(0, builder.build().faultBytes());
        for (String wrong :
                new String[] {
                    "dax", "dax=yes", "fault=64k", "fault=around:3k", "fault=around:4m", "direct=1"
                }) {
            assertThrows(IllegalArgumentException.class, () -> builder.accept(wrong), wrong);
        }
    }
}
