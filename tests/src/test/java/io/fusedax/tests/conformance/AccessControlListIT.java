package io.fusedax.tests.conformance;

import static io.fusedax.tests.conformance.HostAndMount.assertErrno;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.tests.support.Command;
import io.fusedax.tests.support.MountedVolume;
import io.fusedax.tests.support.NativeOnly;
import io.fusedax.tests.support.Posix;
import java.nio.file.Path;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** POSIX ACLs: stored, enforced, handed down. The host is the control. */
@ExtendWith(NativeOnly.class)
final class AccessControlListIT {
    private static final int USER = 4321;
    private static final int OTHER = 4322;

    private static HostAndMount both;

    @BeforeAll
    static void mount() {
        both = new HostAndMount("allow_other");
    }

    @AfterAll
    static void unmount() {
        if (both != null) {
            both.close();
        }
    }

    private static Path file(Path folder, int mode) {
        Path path = folder.resolve("file");
        Posix.close(Posix.create(path));
        Posix.chmod(path, mode);
        return path;
    }

    private static String acl(Path path) {
        return Command.of("getfacl", "-c", "-E", "-p", "-n", path).ok().out().strip();
    }

    private static void set(String entries, Path path) {
        Command.of("setfacl", "-m", entries, path).ok();
    }

    private static void reads(int uid, Path path) {
        Posix.asUser(uid, uid, () -> Posix.close(Posix.open(path, Posix.O_RDONLY)));
    }

    @Test
    void aNamedUserGetsWhatTheListSays() {
        both.agree(
                folder -> {
                    Path path = file(folder, 0600);
                    set("u:" + USER + ":r", path);
                    reads(USER, path);
                    assertErrno(Errno.EACCES, () -> reads(OTHER, path));
                    assertErrno(
                            Errno.EACCES,
                            () -> Posix.asUser(USER, USER, () -> Posix.open(path, Posix.O_WRONLY)));
                    assertEquals(0640, Posix.lstat(path).permissions());
                });
    }

    @Test
    void aNamedUserCanBeKeptOut() {
        both.agree(
                folder -> {
                    Path path = file(folder, 0644);
                    set("u:" + USER + ":-", path);
                    assertErrno(Errno.EACCES, () -> reads(USER, path));
                    reads(OTHER, path);
                });
    }

    @Test
    void chmodChangesTheMask() {
        both.agree(
                folder -> {
                    Path path = file(folder, 0600);
                    set("u:" + USER + ":rw", path);
                    Posix.chmod(path, 0600);
                    assertErrno(Errno.EACCES, () -> reads(USER, path));
                    assertTrue(acl(path).contains("mask::---"), acl(path));
                    Posix.chmod(path, 0640);
                    reads(USER, path);
                });
    }

    @Test
    void newFilesInheritTheDefaultListInsteadOfTheUmask() {
        both.agree(
                folder -> {
                    set("d:u:" + USER + ":rwx,d:g::r,d:o::-", folder);
                    int umask = Posix.umask(077);
                    try {
                        Posix.close(Posix.open(folder.resolve("file"), 0102, 0664));
                        Posix.mkdir(folder.resolve("directory"), 0777);
                        Posix.mknod(folder.resolve("fifo"), Posix.S_IFIFO | 0600, 0, 0);
                    } finally {
                        Posix.umask(umask);
                    }
                    String file = acl(folder.resolve("file"));
                    assertTrue(file.contains("user:" + USER + ":rwx"), file);
                    assertTrue(file.contains("mask::rw-"), file);
                    assertEquals(0660, Posix.lstat(folder.resolve("file")).permissions());
                    assertEquals(0770, Posix.lstat(folder.resolve("directory")).permissions());
                    assertEquals(0600, Posix.lstat(folder.resolve("fifo")).permissions());
                    Path inner = folder.resolve("directory/inner");
                    Posix.mkdir(inner, 0755);
                    String defaults = acl(inner);
                    assertTrue(defaults.contains("default:user:" + USER + ":rwx"), defaults);
                    assertEquals(
                            acl(folder).lines().filter(l -> l.startsWith("default")).toList(),
                            defaults.lines().filter(l -> l.startsWith("default")).toList());
                });
    }

    @Test
    void withoutADefaultListTheUmaskHolds() {
        both.agree(
                folder -> {
                    int umask = Posix.umask(027);
                    try {
                        Posix.close(Posix.open(folder.resolve("file"), 0102, 0666));
                        Posix.mkdir(folder.resolve("directory"), 0777);
                        Posix.mknod(folder.resolve("fifo"), Posix.S_IFIFO | 0666, 0, 0);
                        Posix.close(Posix.open(folder, Posix.O_TMPFILE | 2, 0666));
                    } finally {
                        Posix.umask(umask);
                    }
                    assertEquals(0640, Posix.lstat(folder.resolve("file")).permissions());
                    assertEquals(0750, Posix.lstat(folder.resolve("directory")).permissions());
                    assertEquals(0640, Posix.lstat(folder.resolve("fifo")).permissions());
                });
    }

    @Test
    void aListThatIsRemovedIsGone() {
        both.agree(
                folder -> {
                    Path path = file(folder, 0640);
                    set("u:" + USER + ":r", path);
                    Command.of("setfacl", "-b", path).ok();
                    assertErrno(Errno.EACCES, () -> reads(USER, path));
                    assertEquals(java.util.List.of(), Posix.listxattr(path));
                    Command.of("setfacl", "-b", path).ok();
                });
    }

    @Test
    void aBadListIsEINVAL() {
        both.agree(
                folder -> {
                    Path path = file(folder, 0640);
                    byte[] bad = new byte[12];
                    bad[0] = 2;
                    bad[4] = 3;
                    assertErrno(
                            Errno.EINVAL,
                            () -> Posix.setxattr(path, "system.posix_acl_access", bad, 0));
                });
    }

    @Test
    void listsSurviveARemount() {
        MountedVolume.assumeMounted();
        Path path = both.volume().resolve("kept");
        Posix.close(Posix.create(path));
        set("u:" + USER + ":r", path);
        String before = acl(path);
        both.volume().remount();
        assertEquals(before, acl(path));
        reads(USER, path);
    }
}
