package io.fusedax.tests.conformance;

import static io.fusedax.tests.conformance.HostAndMount.assertErrno;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.fusedax.tests.support.MountedVolume;
import io.fusedax.tests.support.Posix;
import io.fusedax.tests.support.Seed;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Extended attributes. */
final class XattrIT {
    private static HostAndMount both;

    @BeforeAll
    static void mount() {
        both = new HostAndMount("");
    }

    @AfterAll
    static void unmount() {
        if (both != null) {
            both.close();
        }
    }

    @Test
    void valuesOfAllNamespacesAreKept() {
        both.agree(
                folder -> {
                    Path file = file(folder);
                    List<String> names = List.of("security.test", "trusted.test", "user.test");
                    for (String name : names) {
                        Posix.setxattr(file, name, "value of " + name);
                    }
                    assertEquals(names, Posix.listxattr(file));
                    for (String name : names) {
                        assertArrayEquals(bytes("value of " + name), Posix.getxattr(file, name));
                        Posix.setxattr(file, name, "");
                        assertEquals(0, Posix.getxattr(file, name).length);
                        Posix.removexattr(file, name);
                        assertErrno(Errno.ENODATA, () -> Posix.getxattr(file, name));
                        assertErrno(Errno.ENODATA, () -> Posix.removexattr(file, name));
                    }
                    assertEquals(List.of(), Posix.listxattr(file));
                });
    }

    @Test
    void createAndReplaceAreStrict() {
        both.agree(
                folder -> {
                    Path file = file(folder);
                    byte[] one = bytes("one");
                    assertErrno(
                            Errno.ENODATA,
                            () -> Posix.setxattr(file, "user.a", one, Posix.XATTR_REPLACE));
                    Posix.setxattr(file, "user.a", one, Posix.XATTR_CREATE);
                    assertErrno(
                            Errno.EEXIST,
                            () -> Posix.setxattr(file, "user.a", one, Posix.XATTR_CREATE));
                    Posix.setxattr(file, "user.a", bytes("two!"), Posix.XATTR_REPLACE);
                    assertArrayEquals(bytes("two!"), Posix.getxattr(file, "user.a"));
                });
    }

    @Test
    void lengthsCanBeAskedFor() {
        both.agree(
                folder -> {
                    Path file = file(folder);
                    Posix.setxattr(file, "user.a", "12345");
                    assertEquals(5, Posix.getxattrLength(file, "user.a", 0));
                    assertErrno(Errno.ERANGE, () -> Posix.getxattrLength(file, "user.a", 4));
                    assertEquals(5, Posix.getxattrLength(file, "user.a", 5));
                });
    }

    @Test
    void namesGoTo255Bytes() {
        both.agree(
                folder -> {
                    Path file = file(folder);
                    String longest = "user." + "n".repeat(250);
                    Posix.setxattr(file, longest, "value");
                    assertEquals(List.of(longest), Posix.listxattr(file));
                    assertErrno(Errno.ERANGE, () -> Posix.setxattr(file, longest + "n", "value"));
                });
    }

    @Test
    void userAttributesAreForFilesAndDirectories() {
        both.agree(
                folder -> {
                    Path link = folder.resolve("link");
                    Path fifo = folder.resolve("fifo");
                    Posix.symlink("nowhere", link);
                    Posix.mknod(fifo, Posix.S_IFIFO | 0644, 0, 0);
                    for (Path path : List.of(link, fifo)) {
                        assertErrno(Errno.EPERM, () -> Posix.setxattr(path, "user.a", "b"));
                        Posix.setxattr(path, "trusted.a", "b");
                        assertArrayEquals(bytes("b"), Posix.getxattr(path, "trusted.a"));
                    }
                    Posix.setxattr(folder, "user.a", "b");
                    assertEquals(List.of("user.a"), Posix.listxattr(folder));
                });
    }

    @Test
    void ordinaryUsersSeeAndSetOnlyTheirs() {
        both.agree(
                folder -> {
                    Path file = file(folder);
                    Posix.setxattr(file, "trusted.a", "b");
                    Posix.setxattr(file, "user.a", "b");
                    Posix.asUser(
                            1000,
                            1000,
                            () -> {
                                assertErrno(
                                        Errno.EACCES, () -> Posix.setxattr(file, "user.a", "c"));
                                assertArrayEquals(bytes("b"), Posix.getxattr(file, "user.a"));
                            });
                });
    }

    @Test
    void unknownNamespacesAreEOPNOTSUPP() {
        both.agree(
                folder -> {
                    Path file = file(folder);
                    assertErrno(Errno.EOPNOTSUPP, () -> Posix.setxattr(file, "nothing.a", "b"));
                    assertErrno(Errno.EOPNOTSUPP, () -> Posix.setxattr(file, "plain", "b"));
                    assertErrno(Errno.EOPNOTSUPP, () -> Posix.getxattr(file, "nothing.a"));
                });
    }

    @Test
    void accessControlListsAreRefusedOnJnrFuse() {
        Assumptions.assumeTrue(MountedVolume.isJnrFuse(), "native enforces them");
        both.mountOnly(
                folder -> {
                    Path file = file(folder);
                    // Version 2; entries of tag, permissions and id: owner, group, others.
                    ByteBuffer entries = ByteBuffer.allocate(28).order(ByteOrder.LITTLE_ENDIAN);
                    entries.putInt(2);
                    for (int tag : new int[] {1, 4, 0x20}) {
                        entries.putShort((short) tag).putShort((short) 7).putInt(-1);
                    }
                    byte[] acl = entries.array();
                    for (String name :
                            List.of("system.posix_acl_access", "system.posix_acl_default")) {
                        assertErrno(Errno.EOPNOTSUPP, () -> Posix.setxattr(folder, name, acl, 0));
                    }
                    assertEquals(List.of(), Posix.listxattr(file));
                });
    }

    @Test
    void valuesGoTo64KiB() {
        both.mountOnly(
                folder -> {
                    Path file = file(folder);
                    for (int size :
                            new int[] {
                                1, 100, 255, 256, 1000, 3000, 4000, 4096, 5000, 65535, 65536
                            }) {
                        byte[] value = random(size, size);
                        Posix.setxattr(file, "user.big", value, 0);
                        assertArrayEquals(value, Posix.getxattr(file, "user.big"), "size " + size);
                    }
                    assertErrno(
                            Errno.E2BIG,
                            () -> Posix.setxattr(file, "user.big", new byte[65537], 0));
                    assertEquals(65536, Posix.getxattr(file, "user.big").length);
                    Posix.removexattr(file, "user.big");
                });
    }

    @Test
    void manyAttributesAreListed() {
        both.mountOnly(
                folder -> {
                    Path file = file(folder);
                    List<String> names = new ArrayList<>();
                    for (int i = 0; i < 500; i++) {
                        String name = "user.attribute-number-" + i;
                        names.add(name);
                        Posix.setxattr(file, name, "value " + i);
                    }
                    names.sort(null);
                    assertEquals(names, Posix.listxattr(file));
                    for (int i = 0; i < 500; i++) {
                        String name = "user.attribute-number-" + i;
                        assertArrayEquals(bytes("value " + i), Posix.getxattr(file, name));
                        Posix.removexattr(file, name);
                    }
                    assertEquals(List.of(), Posix.listxattr(file));
                });
    }

    @Test
    void randomAttributesMatchAMapAcrossRemounts() {
        MountedVolume.assumeMounted();
        Random random = Seed.random("randomAttributesMatchAMap");
        Path file = both.volume().resolve("random-attributes");
        Posix.close(Posix.create(file));
        Map<String, byte[]> model = new HashMap<>();
        for (int round = 0; round < 3; round++) {
            for (int i = 0; i < 300; i++) {
                String name = "user." + "k".repeat(1 + random.nextInt(3)) + random.nextInt(8);
                if (random.nextInt(4) == 0 && model.remove(name) != null) {
                    Posix.removexattr(file, name);
                } else {
                    byte[] value =
                            random(random.nextInt(), random.nextInt(1 << random.nextInt(12)));
                    Posix.setxattr(file, name, value, 0);
                    model.put(name, value);
                }
            }
            both.volume().remount();
            assertEquals(model.keySet().stream().sorted().toList(), Posix.listxattr(file));
            model.forEach((name, value) -> assertArrayEquals(value, Posix.getxattr(file, name)));
        }
    }

    private static byte[] random(long seed, int sizeBytes) {
        byte[] value = new byte[sizeBytes];
        new Random(seed).nextBytes(value);
        return value;
    }

    private static Path file(Path folder) {
        Path path = folder.resolve("file");
        Posix.close(Posix.create(path));
        return path;
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
